//! The function under the attribute, taken apart as far as the expansion needs it. Its body stays a lump of tokens: to
//! parse it would take syn's whole grammar of expressions and tell nothing.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Generics, Ident, LitStr, Path, Result, Token, Visibility};

/// A function as it was written, fit for a test or not.
pub(crate) struct Scenario {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    qualifiers: Vec<Qualifier>,
    pub(crate) fn_token: Token![fn],
    pub(crate) name: Ident,
    generics: Generics,
    /// The parentheses and what is in them.
    pub(crate) arguments: Group,
    /// The arrow and the type, or nothing.
    pub(crate) output: TokenStream,
    where_clause: TokenStream,
    /// The block, or nothing in front of a `;`.
    pub(crate) body: Option<TokenTree>,
}

/// A word before `fn`, and where it is.
enum Qualifier {
    Const(Span),
    Async(Span),
    Unsafe(Span),
    Extern(Span),
}

impl Parse for Scenario {
    fn parse(input: ParseStream) -> Result<Scenario> {
        let attrs = input.call(Attribute::parse_outer)?;
        let start = input.span();
        let vis = input.parse()?;
        let qualifiers = parse_qualifiers(input)?;
        let no_function = |_| Error::new(start, "`#[raddle::test]` goes on an `async fn`");
        let fn_token = input.parse().map_err(no_function)?;
        let name = input.parse()?;
        let generics = input.parse()?;
        let arguments = parse_arguments(input)?;
        let mut rest: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let body = rest.pop_if(|last| is_block(last));
        rest.pop_if(|last| body.is_none() && is(last, ";"));
        let where_at = rest.iter().position(|token| is(token, "where")).unwrap_or(rest.len());
        let where_clause = rest.drain(where_at..).collect();
        let output = rest.into_iter().collect();
        Ok(Scenario { attrs, vis, qualifiers, fn_token, name, generics, arguments, output, where_clause, body })
    }
}

impl Scenario {
    /// The token to write before the inner `fn`.
    pub(crate) fn async_token(&self) -> Token![async] {
        let written = self.qualifiers.iter().find_map(|qualifier| match qualifier {
            Qualifier::Async(span) => Some(*span),
            _ => None,
        });
        Token![async](written.unwrap_or(self.fn_token.span))
    }

    /// Whether the test is meant to fail.
    pub(crate) fn should_panic(&self) -> bool {
        self.attrs.iter().any(|attr| attr.path().is_ident("should_panic"))
    }

    /// What the test harness is told by attributes: `ignore`, `should_panic`, both or nothing.
    pub(crate) fn flags(&self) -> String {
        let is_given = |name: &&str| self.attrs.iter().any(|attr| attr.path().is_ident(name));
        ["ignore", "should_panic"].into_iter().filter(is_given).collect::<Vec<_>>().join(" ")
    }

    /// Says what keeps the function from being a test: the first such thing in the order of the source.
    pub(crate) fn check(&self) -> Result<()> {
        for attr in &self.attrs {
            if attr.path().segments.last().is_some_and(|last| last.ident == "test") {
                let written = spelled(attr.path());
                let message = format!("`#[raddle::test]` makes this a test by itself: remove the `#[{written}]`");
                return Err(Error::new_spanned(attr, message));
            }
        }
        self.check_qualifiers()?;
        if !self.generics.params.is_empty() {
            return Err(Error::new_spanned(&self.generics, "a test cannot be generic"));
        }
        self.check_arguments()?;
        if let Some(token) = find_impl(self.output.clone()) {
            let message = "a test returns `()` or `Result<(), E>`: write the type out instead of `impl Trait`";
            return Err(Error::new(token, message));
        }
        if !self.where_clause.is_empty() {
            return Err(Error::new_spanned(&self.where_clause, "a test cannot have a `where` clause"));
        }
        match self.body {
            Some(_) => Ok(()),
            None => Err(Error::new(self.name.span(), "a test needs a body")),
        }
    }

    fn check_qualifiers(&self) -> Result<()> {
        let mut is_async = false;
        for qualifier in &self.qualifiers {
            let (span, message) = match qualifier {
                Qualifier::Async(_) => {
                    is_async = true;
                    continue;
                }
                Qualifier::Const(span) => (span, "a test cannot be a `const fn`"),
                Qualifier::Unsafe(span) => (span, "a test cannot be an `unsafe fn`: use `unsafe` blocks in its body"),
                Qualifier::Extern(span) => (span, "a test cannot be an `extern fn`"),
            };
            return Err(Error::new(*span, message));
        }
        if !is_async {
            let message = format!("`#[raddle::test]` needs an `async fn`: write `async fn {}`", self.name);
            return Err(Error::new(self.fn_token.span, message));
        }
        Ok(())
    }

    fn check_arguments(&self) -> Result<()> {
        let arguments = self.arguments.stream();
        if let Some(receiver) = self.receiver() {
            return Err(Error::new(receiver, "a test is a free function: it cannot take `self`"));
        }
        if let Some(dots) = self.variadic() {
            return Err(Error::new_spanned(dots, "a test cannot be variadic"));
        }
        if !arguments.is_empty() {
            return Err(Error::new_spanned(arguments, "a test takes no arguments"));
        }
        Ok(())
    }

    /// Where `self` is, in `self`, `mut self`, `&'a mut self` or `self: Box<Self>`.
    fn receiver(&self) -> Option<Span> {
        let first = self.arguments.stream().into_iter().take_while(|token| !is(token, ":") && !is(token, ","));
        first.into_iter().find(|token| is(token, "self")).map(|token| token.span())
    }

    /// The `...`, if there is one.
    fn variadic(&self) -> Option<TokenStream> {
        let tokens: Vec<TokenTree> = self.arguments.stream().into_iter().collect();
        let dots = tokens.windows(3).find(|three| three.iter().all(|token| is(token, ".")))?;
        Some(dots.iter().cloned().collect())
    }

    /// What stands in for the test after an error, so that the compiler finds no more to say than the error itself:
    /// names that only the body uses stay used. Outside of tests it is gone, as the test would be.
    pub(crate) fn stand_in(&self) -> TokenStream {
        let Scenario { vis, fn_token, name, generics, arguments, output, where_clause, body, .. } = self;
        if self.receiver().is_some() || self.variadic().is_some() || self.body.is_none() {
            return quote!(#[cfg(test)] #vis #fn_token #name() {});
        }
        let asynchronous = self.async_token();
        let unsafety = self.qualifiers.iter().find_map(|qualifier| match qualifier {
            Qualifier::Unsafe(span) => Some(Token![unsafe](*span)),
            _ => None,
        });
        quote!(#[cfg(test)] #vis #asynchronous #unsafety #fn_token #name #generics #arguments #output #where_clause #body)
    }
}

fn parse_qualifiers(input: ParseStream) -> Result<Vec<Qualifier>> {
    let mut qualifiers = Vec::new();
    loop {
        qualifiers.push(if input.peek(Token![const]) {
            Qualifier::Const(input.parse::<Token![const]>()?.span)
        } else if input.peek(Token![async]) {
            Qualifier::Async(input.parse::<Token![async]>()?.span)
        } else if input.peek(Token![unsafe]) {
            Qualifier::Unsafe(input.parse::<Token![unsafe]>()?.span)
        } else if input.peek(Token![extern]) {
            let span = input.parse::<Token![extern]>()?.span;
            input.parse::<Option<LitStr>>()?;
            Qualifier::Extern(span)
        } else {
            return Ok(qualifiers);
        });
    }
}

fn parse_arguments(input: ParseStream) -> Result<Group> {
    match input.parse()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Ok(group),
        other => Err(Error::new(other.span(), "expected the arguments of a function")),
    }
}

/// Whether a token is a block, or one that a `macro_rules` macro has passed on as `$body:block`.
fn is_block(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => group.stream().into_iter().last().is_some_and(|last| is_block(&last)),
        _ => false,
    }
}

/// Whether a token is this word or character.
fn is(token: &TokenTree, text: &str) -> bool {
    match token {
        TokenTree::Ident(ident) => ident == text,
        TokenTree::Punct(punct) => text.chars().eq([punct.as_char()]),
        _ => false,
    }
}

/// Where the word `impl` is, at any depth.
fn find_impl(tokens: TokenStream) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => find_impl(group.stream()),
        other => is(&other, "impl").then(|| other.span()),
    })
}

/// A path without the spaces that tokens have when printed.
fn spelled(path: &Path) -> String {
    path.to_token_stream().into_iter().map(|token| token.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::Scenario;
    use quote::ToTokens;

    fn parse(source: &str) -> Scenario {
        syn::parse_str(source).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    /// What keeps a function from being a test, and what stands in for it.
    fn refused(source: &str) -> (String, String) {
        let scenario = parse(source);
        (scenario.check().expect_err(source).to_string(), packed(&scenario.stand_in().to_string()))
    }

    /// Source without its spaces, which printed tokens have in other places.
    fn packed(source: &str) -> String {
        source.split_whitespace().collect()
    }

    #[test]
    fn functions_that_make_tests() {
        for source in [
            "async fn a() {}",
            "pub(crate) async fn a() -> Result<(), Box<dyn std::error::Error>> { Ok(()) }",
            "#[ignore] #[cfg(test)] #[should_panic(expected = \"test\")] async fn a() { fn b(self) -> impl Sized {} }",
            "async fn r#where() -> Exactly<{ 3 }> {}",
            "async fn a() { this is no Rust at all }",
            "async fn a() -> implement::Me {}",
        ] {
            let scenario = parse(source);
            assert!(scenario.check().is_ok(), "{source}");
        }
    }

    #[test]
    fn a_function_is_taken_apart() {
        let scenario = parse("/// Doc.\n#[ignore] pub async fn a() -> Exactly<{ 3 }> { b }");
        assert_eq!(scenario.attrs.len(), 2);
        assert_eq!(scenario.name, "a");
        assert_eq!(packed(&scenario.output.to_string()), "->Exactly<{3}>");
        assert_eq!(packed(&scenario.body.to_token_stream().to_string()), "{b}");
        assert!(parse("async fn a() {}").output.is_empty());
    }

    #[test]
    fn each_obstacle_is_named() {
        for (source, message) in [
            ("fn a() {}", "`#[raddle::test]` needs an `async fn`: write `async fn a`"),
            ("const fn a() {}", "a test cannot be a `const fn`"),
            ("async unsafe fn a() {}", "a test cannot be an `unsafe fn`: use `unsafe` blocks in its body"),
            ("async extern fn a() {}", "a test cannot be an `extern fn`"),
            ("async extern \"C\" fn a() {}", "a test cannot be an `extern fn`"),
            ("async fn a<T>() {}", "a test cannot be generic"),
            ("async fn a<'a, const N: usize, F: Fn(u8) -> u8>() {}", "a test cannot be generic"),
            ("async fn a(x: u8) {}", "a test takes no arguments"),
            ("async fn a(self) {}", "a test is a free function: it cannot take `self`"),
            ("async fn a(&'a mut self, x: u8) {}", "a test is a free function: it cannot take `self`"),
            ("async fn a(self: Box<Self>) {}", "a test is a free function: it cannot take `self`"),
            ("async fn a(x: self::X) {}", "a test takes no arguments"),
            ("async fn a(x: u8, ...) {}", "a test cannot be variadic"),
            ("async fn a() where u8: Copy {}", "a test cannot have a `where` clause"),
            ("async fn a() -> () where {}", "a test cannot have a `where` clause"),
            ("async fn a() -> u8;", "a test needs a body"),
            ("#[test] async fn a() {}", "`#[raddle::test]` makes this a test by itself: remove the `#[test]`"),
            (
                "#[tokio::test(x)] fn a() {}",
                "`#[raddle::test]` makes this a test by itself: remove the `#[tokio::test]`",
            ),
        ] {
            assert_eq!(refused(source).0, message, "{source}");
        }
        for source in ["async fn a() -> impl Sized {}", "async fn a() -> Result<(), (u8, impl Debug)> {}"] {
            let message = "a test returns `()` or `Result<(), E>`: write the type out instead of `impl Trait`";
            assert_eq!(refused(source).0, message, "{source}");
        }
    }

    #[test]
    fn the_first_obstacle_is_the_one_named() {
        let source = "async unsafe fn a<T>(x: T) -> impl Sized where T: Copy {}";
        assert!(refused(source).0.contains("unsafe"));
        assert!(refused(&source.replace("unsafe", "")).0.contains("generic"));
        assert!(refused(&source.replace("unsafe", "").replace("<T>", "")).0.contains("arguments"));
    }

    #[test]
    fn a_stand_in_has_no_fault_that_the_compiler_would_report_again() {
        for (source, stand_in) in [
            ("#[test] async fn a() { b }", "#[cfg(test)] async fn a() { b }"),
            ("pub fn a() { b.await }", "#[cfg(test)] pub async fn a() { b.await }"),
            ("const extern \"C\" fn a() {}", "#[cfg(test)] async fn a() {}"),
            ("async unsafe fn a() {}", "#[cfg(test)] async unsafe fn a() {}"),
            (
                "async fn a<T>(x: T) -> impl Sized where T: Copy { x }",
                "#[cfg(test)] async fn a<T>(x: T) -> impl Sized where T: Copy { x }",
            ),
            ("pub async fn a(&self) { self.b }", "#[cfg(test)] pub fn a() {}"),
            ("async fn a() -> u8;", "#[cfg(test)] fn a() {}"),
            ("async extern \"C\" fn a(x: u8, ...) -> u8 { x }", "#[cfg(test)] fn a() {}"),
        ] {
            assert_eq!(refused(source).1, packed(stand_in), "{source}");
        }
    }

    #[test]
    fn what_is_no_function() {
        for (source, message) in [
            ("struct A;", "`#[raddle::test]` goes on an `async fn`"),
            ("pub const A: u8 = 1;", "`#[raddle::test]` goes on an `async fn`"),
            ("mod a { fn b() {} }", "`#[raddle::test]` goes on an `async fn`"),
            ("macro_rules! a { () => {} }", "`#[raddle::test]` goes on an `async fn`"),
        ] {
            assert_eq!(syn::parse_str::<Scenario>(source).err().expect(source).to_string(), message, "{source}");
        }
    }
}
