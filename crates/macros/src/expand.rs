//! What the attribute turns a function into.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Error, Result};

use crate::args::Args;
use crate::scenario::Scenario;

/// The test for `item`, or one compile error and a stand-in for the function.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let scenario: Scenario = match syn::parse2(item.clone()) {
        Ok(scenario) => scenario,
        Err(error) => return with_error(&error, item),
    };
    let args: Result<Args> = scenario.check().and_then(|()| syn::parse2(args));
    match args {
        Ok(mut args) => {
            if scenario.should_panic() {
                args.keep_no_seeds();
            }
            test(&args, &scenario)
        }
        Err(error) => with_error(&error, scenario.stand_in()),
    }
}

fn with_error(error: &Error, item: TokenStream) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(item);
    tokens
}

fn test(args: &Args, scenario: &Scenario) -> TokenStream {
    let Scenario { attrs, vis, fn_token, name, arguments, output, body, .. } = scenario;
    let async_token = scenario.async_token();
    let here = Span::mixed_site();
    // A return type that the core does not take is an error about the call of the core, so let that stand at the type.
    // With the hygiene of the user's code: the place of the call, too, is then that and not the attribute.
    let returned = output.clone().into_iter().nth(2).map_or(name.span(), |token| token.span());
    let there = name.span().located_at(returned);
    let krate = args.krate().map_or_else(|| quote_spanned!(there=> ::raddle), ToTokens::to_token_stream);
    let calls = args.calls(&krate);
    let text = name.to_string();
    // `line!` and `file!` tell of the outermost macro call: with the user's span that is the function itself, with
    // the macro's own it would be the attribute.
    let (file, line) = (quote_spanned!(name.span()=> ::core::file!()), quote_spanned!(name.span()=> ::core::line!()));
    let (flags, settings) = (scenario.flags(), args.settings());
    // Found by its bytes: a name, a version, then one field after the other, each behind the same rare character.
    let marker = quote_spanned! {here=>
        ::core::concat!(
            "\u{1f}raddle-test\u{1f}1\u{1f}", ::core::module_path!(),
            "\u{1f}", #text,
            "\u{1f}", #file,
            "\u{1f}", #line,
            "\u{1f}", ::core::env!("CARGO_MANIFEST_DIR"),
            "\u{1f}", #flags,
            "\u{1f}", #settings,
            "\u{1f}end\u{1f}"
        )
    };
    let site = quote_spanned! {here=>
        &#krate::__private::Site {
            name: #text,
            module: ::core::module_path!(),
            file: #file,
            line: #line,
            manifest_dir: ::core::env!("CARGO_MANIFEST_DIR"),
            package: ::core::env!("CARGO_PKG_NAME"),
            krate: ::core::env!("CARGO_CRATE_NAME"),
            bin: ::core::option_env!("CARGO_BIN_NAME"),
            marker: #marker,
        }
    };
    let options = quote_spanned!(here=> |options| options #calls);
    let call = quote_spanned!(there=> #krate::__private::test(#site, #options, #name););
    quote_spanned! {here=>
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis #fn_token #name() {
            #[allow(clippy::unused_async)]
            #async_token #fn_token #name #arguments #output #body
            #call
        }
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    fn expanded(args: &str, item: &str) -> String {
        packed(&expand(args.parse().unwrap(), item.parse().unwrap()).to_string())
    }

    /// Source without its spaces, which printed tokens have in other places.
    fn packed(source: &str) -> String {
        source.split_whitespace().collect()
    }

    #[test]
    fn a_test() {
        let item = "/// Doc.\n#[ignore] pub async fn a() -> Result<(), u8> { Ok(b.await) }";
        let expansion = r#"
            #[::core::prelude::v1::test]
            #[doc = " Doc."]
            #[ignore]
            pub fn a() {
                #[allow(clippy::unused_async)]
                async fn a() -> Result<(), u8> { Ok(b.await) }
                ::raddle::__private::test(
                    &::raddle::__private::Site {
                        name: "a",
                        module: ::core::module_path!(),
                        file: ::core::file!(),
                        line: ::core::line!(),
                        manifest_dir: ::core::env!("CARGO_MANIFEST_DIR"),
                        package: ::core::env!("CARGO_PKG_NAME"),
                        krate: ::core::env!("CARGO_CRATE_NAME"),
                        bin: ::core::option_env!("CARGO_BIN_NAME"),
                        marker: ::core::concat!(
                            "\u{1f}raddle-test\u{1f}1\u{1f}", ::core::module_path!(),
                            "\u{1f}", "a",
                            "\u{1f}", ::core::file!(),
                            "\u{1f}", ::core::line!(),
                            "\u{1f}", ::core::env!("CARGO_MANIFEST_DIR"),
                            "\u{1f}", "ignore",
                            "\u{1f}", "seeds=500 check=true",
                            "\u{1f}end\u{1f}"
                        ),
                    },
                    |options| options.seeds(500).check(true),
                    a
                );
            }"#;
        assert_eq!(expanded("check, seeds = 500", item), packed(expansion));
    }

    #[test]
    fn seeds_of_a_test_that_is_meant_to_fail_are_not_kept() {
        for (args, call) in [("", "options.regressions(false)"), ("regressions = true", "options.regressions(true)")] {
            let expansion = expanded(args, "#[should_panic] async fn a() {}");
            assert!(expansion.contains(call), "{expansion}");
        }
    }

    #[test]
    fn the_crate_by_another_name() {
        let expansion = expanded("crate = my::raddle", "async fn a() {}");
        assert!(expansion.contains("}my::raddle::__private::test(&my::raddle::__private::Site{"), "{expansion}");
    }

    #[test]
    fn a_raw_name_is_told_as_the_test_harness_tells_it() {
        let expansion = expanded("", "async fn r#type() {}");
        assert!(expansion.contains("name:\"r#type\""), "{expansion}");
        assert!(expansion.contains("asyncfnr#type()"), "{expansion}");
    }

    #[test]
    fn one_error_and_the_function_stays() {
        for (args, item, expansion) in [
            (
                "seeds = 0",
                "#[ignore] async fn a() { b }",
                "::core::compile_error! { \"seeds = 0: expected a number from 1 up\" } #[cfg(test)] async fn a() { b }",
            ),
            (
                "seeds = 0, seed = 0.5, sed",
                "fn a() {}",
                "::core::compile_error! { \"`#[raddle::test]` needs an `async fn`: write `async fn a`\" }
                 #[cfg(test)] async fn a() {}",
            ),
            ("", "struct A;", "::core::compile_error! { \"`#[raddle::test]` goes on an `async fn`\" } struct A;"),
        ] {
            assert_eq!(expanded(args, item), packed(expansion), "{item}");
        }
    }
}
