//! What a test says to blocking calls on the loop: `blocking(…)` and `allow_path(…)`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Ident, Lit, LitStr, Result, Token, parenthesized};

use crate::args::rest_of_argument;
use crate::nearest::nearest;

/// A class as it is written, how `raddle::Class` has it, and whether its calls name a path or an address.
struct Class {
    name: &'static str,
    variant: &'static str,
    names_paths: bool,
}

const CLASSES: [Class; 11] = [
    Class { name: "sleep", variant: "Sleep", names_paths: false },
    Class { name: "lock", variant: "Lock", names_paths: false },
    Class { name: "join", variant: "Join", names_paths: false },
    Class { name: "process", variant: "Process", names_paths: false },
    Class { name: "file", variant: "File", names_paths: true },
    Class { name: "socket", variant: "Socket", names_paths: true },
    Class { name: "readiness", variant: "Readiness", names_paths: false },
    Class { name: "dns", variant: "Dns", names_paths: false },
    Class { name: "pipe", variant: "Pipe", names_paths: true },
    Class { name: "output", variant: "Output", names_paths: false },
    Class { name: "close", variant: "Close", names_paths: true },
];

const POLICIES: [(&str, &str); 3] = [("deny", "Deny"), ("report", "Report"), ("allow", "Allow")];

pub(crate) const BLOCKING: &str = "blocking";
const BLOCKING_USAGE: &str = "`blocking(output = \"deny\", sleep = \"report\")`";

pub(crate) const ALLOW_PATH: &str = "allow_path";
const ALLOW_PATH_USAGE: &str = "`allow_path(file = \"/etc/app.toml\", why = \"small, and read once\")`";
const WHY: &str = "why";

/// What is said to a class.
pub(crate) struct Said {
    class: &'static Class,
    policy: (&'static str, &'static str),
}

/// A path that is allowed, and why.
pub(crate) struct AllowedPath {
    class: &'static Class,
    path: String,
    why: String,
}

impl Said {
    /// Takes what stands between the parentheses behind `blocking`.
    pub(crate) fn parse(name: &Ident, input: ParseStream) -> Result<Vec<Said>> {
        let mut said: Vec<Said> = Vec::new();
        each(name, BLOCKING_USAGE, input, |word, input| {
            let class = class(&word, None)?;
            let expected = "\"deny\", \"report\" or \"allow\"";
            let (text, policy) = text(&word, expected, input)?;
            let Some(&policy) = POLICIES.iter().find(|(name, _)| *name == policy) else {
                return Err(refusal(&word, &text, expected));
            };
            if said.iter().any(|said| said.class.name == class.name) {
                return Err(Error::new(word.span(), format!("`{word}` is given twice")));
            }
            said.push(Said { class, policy });
            Ok(())
        })?;
        if said.is_empty() {
            return Err(Error::new(name.span(), format!("`{BLOCKING}` needs a class, as in {BLOCKING_USAGE}")));
        }
        Ok(said)
    }

    pub(crate) fn call(&self, krate: &TokenStream) -> TokenStream {
        let class = variant(self.class.variant);
        let policy = variant(self.policy.1);
        quote_spanned!(Span::mixed_site()=> .blocking(#krate::Class::#class, #krate::Policy::#policy))
    }

    pub(crate) fn in_words(&self) -> String {
        format!("{}:{}", self.class.name, self.policy.0)
    }
}

impl AllowedPath {
    /// Takes what stands between the parentheses behind `allow_path`.
    pub(crate) fn parse(name: &Ident, input: ParseStream) -> Result<AllowedPath> {
        let mut path: Option<(&'static Class, String)> = None;
        let mut why: Option<String> = None;
        each(name, ALLOW_PATH_USAGE, input, |word, input| {
            if word == WHY {
                let (text, reason) = text(&word, "a reason in quotes, for reviewers to read", input)?;
                if reason.trim().is_empty() {
                    return Err(refusal(&word, &text, "a reason for reviewers to read"));
                }
                return once(&mut why, reason, &word);
            }
            let class = class(&word, Some(WHY))?;
            if !class.names_paths {
                let instead = format!("`{BLOCKING}({word} = \"allow\")` allows all of them");
                return Err(Error::new(word.span(), format!("calls of class `{word}` name no path: {instead}")));
            }
            let expected = "a path in quotes: what is below it is allowed as well";
            let (text, given) = text(&word, expected, input)?;
            if given.trim().is_empty() || given.contains('*') {
                return Err(refusal(&word, &text, "a path without `*`: what is below it is allowed as well"));
            }
            once(&mut path, (class, given), &word)
        })?;
        let missing = |what| Error::new(name.span(), format!("`{ALLOW_PATH}` needs {what}, as in {ALLOW_PATH_USAGE}"));
        let (class, path) = path.ok_or_else(|| missing("a class and a path"))?;
        let why = why.ok_or_else(|| missing("a reason for reviewers to read"))?;
        Ok(AllowedPath { class, path, why })
    }

    pub(crate) fn call(&self, krate: &TokenStream) -> TokenStream {
        let AllowedPath { class, path, why } = self;
        let class = variant(class.variant);
        quote_spanned!(Span::mixed_site()=> .allow_path(#why, #krate::Class::#class, #path))
    }
}

fn variant(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Takes parentheses, and hands on each word before a `=` that stands in them.
fn each(
    name: &Ident,
    usage: &str,
    input: ParseStream,
    mut take: impl FnMut(Ident, ParseStream) -> Result<()>,
) -> Result<()> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(name.span(), format!("`{name}` is written {usage}")));
    }
    let inner;
    parenthesized!(inner in input);
    while !inner.is_empty() {
        let Ok(word) = inner.call(Ident::parse_any) else {
            return Err(inner.error(format!("expected the name of a class, as in {usage}")));
        };
        if inner.parse::<Token![=]>().is_err() {
            return Err(Error::new(word.span(), format!("`{word}` needs a value, as in {usage}")));
        }
        take(word, &inner)?;
        if !inner.is_empty() && inner.parse::<Token![,]>().is_err() {
            return Err(inner.error("expected `,` before the next one"));
        }
    }
    Ok(())
}

fn class(word: &Ident, other: Option<&'static str>) -> Result<&'static Class> {
    if let Some(class) = CLASSES.iter().find(|class| word == class.name) {
        return Ok(class);
    }
    let names = || CLASSES.iter().map(|class| class.name).chain(other);
    let hint = match nearest(&word.to_string(), names()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    };
    let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    Err(Error::new(word.span(), format!("unknown class `{word}`{hint} (known: {})", known.join(", "))))
}

/// Takes a value in quotes.
fn text(word: &Ident, expected: &str, input: ParseStream) -> Result<(TokenStream, String)> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return Ok((text.to_token_stream(), text.value()));
    }
    let given = if input.peek(Lit) { input.parse::<Lit>()?.to_token_stream() } else { rest_of_argument(input) };
    if given.is_empty() {
        return Err(Error::new(word.span(), format!("`{word}` needs a value: expected {expected}")));
    }
    Err(refusal(word, &given, expected))
}

fn refusal(word: &Ident, given: &TokenStream, expected: &str) -> Error {
    Error::new_spanned(quote!(#given), format!("{word} = {given}: expected {expected}"))
}

fn once<T>(place: &mut Option<T>, value: T, word: &Ident) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(word.span(), format!("`{word}` is given twice: write another `{ALLOW_PATH}(…)`"))),
    }
}
