//! The arguments of the attribute: what may be written between its parentheses.

use std::ops::RangeInclusive;

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Lit, LitStr, Path, Result, Token};

use crate::blocking::{ALLOW_PATH, AllowedPath, BLOCKING, Said};
use crate::nearest::nearest;
use crate::value;

/// An option of the core that an argument sets.
struct Setting {
    /// The argument as the user writes it.
    name: &'static str,
    /// The builder method of `raddle::__private::Options` that takes its value.
    method: &'static str,
    kind: Kind,
    /// How it is written, for messages.
    usage: &'static str,
}

enum Kind {
    Number(RangeInclusive<u64>),
    Seed,
    Strategy,
    /// At least so many nanoseconds.
    Time(u64),
    Switch,
    Snapshot,
    /// The one word that it takes.
    Required,
    /// Where runs take place.
    Isolation,
}

const COUNT: Kind = Kind::Number(1..=u64::MAX);

/// Every setting, in the order in which the expansion makes their calls, whatever order they are written in.
const SETTINGS: [Setting; 16] = [
    Setting { name: "seeds", method: "seeds", kind: COUNT, usage: "`seeds = 500`" },
    Setting { name: "seed", method: "seed", kind: Kind::Seed, usage: "`seed = 42` or `seed = \"0x2f\"`" },
    Setting { name: "strategy", method: "strategy_str", kind: Kind::Strategy, usage: "`strategy = \"pct:3\"`" },
    Setting { name: "max_steps", method: "max_steps", kind: COUNT, usage: "`max_steps = 10_000`" },
    Setting {
        name: "pool_threads",
        method: "pool_threads",
        kind: Kind::Number(1..=10_000),
        usage: "`pool_threads = 2`",
    },
    Setting { name: "cpus", method: "cpus", kind: Kind::Number(1..=1024), usage: "`cpus = 8`" },
    Setting { name: "stall_up_to", method: "stall_up_to", kind: Kind::Time(1), usage: "`stall_up_to = \"5ms\"`" },
    Setting { name: "watchdog", method: "watchdog", kind: Kind::Time(0), usage: "`watchdog = \"10s\"`" },
    Setting { name: "cpu_budget", method: "cpu_budget", kind: Kind::Time(0), usage: "`cpu_budget = \"50ms\"`" },
    Setting { name: "snapshot", method: "snapshot", kind: Kind::Snapshot, usage: "`snapshot` or `snapshot = true`" },
    Setting {
        name: "deny_pending",
        method: "deny_pending",
        kind: Kind::Switch,
        usage: "`deny_pending` or `deny_pending = true`",
    },
    Setting {
        name: "allow_panics",
        method: "allow_panics",
        kind: Kind::Switch,
        usage: "`allow_panics` or `allow_panics = true`",
    },
    Setting { name: "boundary", method: "require_boundary", kind: Kind::Required, usage: "`boundary = \"required\"`" },
    Setting { name: "isolation", method: "isolation_str", kind: Kind::Isolation, usage: "`isolation = \"process\"`" },
    Setting { name: "check", method: "check", kind: Kind::Switch, usage: "`check` or `check = true`" },
    Setting { name: "regressions", method: "regressions", kind: Kind::Switch, usage: "`regressions = false`" },
];

/// The one argument that is for the macro itself: what to write in place of `::raddle`.
const CRATE: &str = "crate";
const CRATE_USAGE: &str = "`crate = my::raddle`";

#[derive(Default)]
pub(crate) struct Args {
    settings: [Option<Value>; SETTINGS.len()],
    /// What is said to classes of blocking calls.
    blocking: Option<Vec<Said>>,
    /// And to some paths.
    allowed: Vec<AllowedPath>,
    krate: Option<Path>,
}

enum Value {
    Number(u64),
    Text(String),
    Nanos(u64),
    Switch(bool),
    Snapshot(bool),
}

impl Args {
    /// The calls to the options builder that the arguments stand for, as in `.seeds(500).check(true)`; `krate` is the
    /// path of `raddle`.
    pub(crate) fn calls(&self, krate: &TokenStream) -> TokenStream {
        let given = SETTINGS.iter().zip(&self.settings).filter_map(|(setting, value)| Some((setting, value.as_ref()?)));
        let settings = given.map(|(setting, value)| call(setting.method, value, krate));
        let blocking = self.blocking.iter().flatten().map(|said| said.call(krate));
        settings.chain(blocking).chain(self.allowed.iter().map(|allowed| allowed.call(krate))).collect()
    }

    /// The arguments as `name=value` words, in their fixed order.
    pub(crate) fn settings(&self) -> String {
        let given = SETTINGS.iter().zip(&self.settings).filter_map(|(setting, value)| Some((setting, value.as_ref()?)));
        let words = given.map(|(setting, value)| match value {
            Value::Number(number) => format!("{}={number}", setting.name),
            Value::Text(text) => format!("{}={text}", setting.name),
            Value::Nanos(nanos) => format!("{}={nanos}ns", setting.name),
            Value::Switch(switch) | Value::Snapshot(switch) => format!("{}={switch}", setting.name),
        });
        let said = |said: &Vec<Said>| said.iter().map(Said::in_words).collect::<Vec<_>>().join(",");
        let blocking = self.blocking.iter().map(|all| format!("{BLOCKING}={}", said(all)));
        words.chain(blocking).collect::<Vec<_>>().join(" ")
    }

    /// Seeds of a test that is meant to fail are not kept, unless the user says so.
    pub(crate) fn keep_no_seeds(&mut self) {
        if let Some(at) = SETTINGS.iter().position(|setting| setting.name == "regressions") {
            self.settings[at].get_or_insert(Value::Switch(false));
        }
    }

    pub(crate) fn krate(&self) -> Option<&Path> {
        self.krate.as_ref()
    }

    /// Takes one argument off `input`.
    fn parse_one(&mut self, input: ParseStream) -> Result<()> {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error("expected the name of an argument, as in `seeds = 500`"));
        };
        if name == CRATE {
            let path = parse_path(&name, input)?;
            return put(&mut self.krate, path, &name);
        }
        if name == BLOCKING {
            let said = Said::parse(&name, input)?;
            return put(&mut self.blocking, said, &name);
        }
        if name == ALLOW_PATH {
            self.allowed.push(AllowedPath::parse(&name, input)?);
            return Ok(());
        }
        let Some(at) = SETTINGS.iter().position(|setting| name == setting.name) else { return Err(unknown(&name)) };
        let value = SETTINGS[at].parse_value(&name, input)?;
        put(&mut self.settings[at], value, &name)
    }
}

impl Parse for Args {
    fn parse(input: ParseStream) -> Result<Args> {
        let mut args = Args::default();
        while !input.is_empty() {
            args.parse_one(input)?;
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                return Err(input.error("expected `,` before the next argument"));
            }
        }
        Ok(args)
    }
}

impl Setting {
    /// Takes what follows the name: nothing, or `=` and a value.
    fn parse_value(&self, name: &Ident, input: ParseStream) -> Result<Value> {
        if ends(input) {
            match self.kind {
                Kind::Switch => return Ok(Value::Switch(true)),
                Kind::Snapshot => return Ok(Value::Snapshot(true)),
                _ => {}
            }
        }
        parse_equals(name, self.usage, input)?;
        if !input.peek(Lit) {
            // A constant or an expression: a macro sees how it is spelled, not what it comes to.
            let given = rest_of_argument(input);
            let expected = match self.kind {
                Kind::Switch | Kind::Snapshot => "true or false".into(),
                _ => format!("a literal, as in {}", self.usage),
            };
            return Err(refusal(name, &given, &given, &expected));
        }
        // `-5` is two tokens, of which the literal keeps one span: point at both.
        let ahead = input.fork();
        let (minus, digits): (Option<Token![-]>, TokenTree) = (ahead.parse()?, ahead.parse()?);
        let lit: Lit = input.parse()?;
        self.kind.read(&lit).map_err(|expected| refusal(name, quote!(#minus #digits), &quote!(#lit), &expected))
    }
}

impl Kind {
    /// The value that a literal stands for, or what was expected of it.
    fn read(&self, lit: &Lit) -> std::result::Result<Value, String> {
        Ok(match self {
            Kind::Number(range) => Value::Number(value::number(lit, range)?),
            Kind::Seed => Value::Number(value::seed(lit)?),
            Kind::Strategy => Value::Text(value::strategy(lit)?),
            Kind::Time(least) => Value::Nanos(value::time(lit, *least)?),
            Kind::Switch => Value::Switch(value::switch(lit)?),
            Kind::Snapshot => Value::Snapshot(value::switch(lit)?),
            Kind::Required => Value::Switch(value::required(lit)?),
            Kind::Isolation => Value::Text(value::isolation(lit)?),
        })
    }
}

/// The call that hands one value to the options builder.
fn call(method: &str, value: &Value, krate: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let method = Ident::new(method, here);
    match value {
        Value::Number(number) => {
            let number = Literal::u64_unsuffixed(*number);
            quote_spanned!(here=> .#method(#number))
        }
        Value::Text(text) => quote_spanned!(here=> .#method(#text)),
        Value::Nanos(nanos) => {
            let nanos = Literal::u64_unsuffixed(*nanos);
            quote_spanned!(here=> .#method(::core::time::Duration::from_nanos(#nanos)))
        }
        Value::Switch(switch) => quote_spanned!(here=> .#method(#switch)),
        // The macro has to be called from the test's own crate, in whose folder the snapshots are.
        Value::Snapshot(true) => quote_spanned!(here=> .#method(|report| #krate::assert_interleaving!(report))),
        Value::Snapshot(false) => TokenStream::new(),
    }
}

/// Takes `=` and a path, which may stand in quotes.
fn parse_path(name: &Ident, input: ParseStream) -> Result<Path> {
    parse_equals(name, CRATE_USAGE, input)?;
    let expected = format!("a path, as in {CRATE_USAGE}");
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        let path = text.parse_with(Path::parse_mod_style);
        return path.map_err(|_| refusal(name, &text, &text.to_token_stream(), &expected));
    }
    let ahead = input.fork();
    if ahead.call(Path::parse_mod_style).is_ok() && ends(&ahead) {
        return input.call(Path::parse_mod_style);
    }
    let given = rest_of_argument(input);
    Err(refusal(name, &given, &given, &expected))
}

/// The error that every value gets that will not do.
fn refusal(name: &Ident, at: impl ToTokens, given: &TokenStream, expected: &str) -> Error {
    Error::new_spanned(at, format!("{name} = {given}: expected {expected}"))
}

/// Takes the `=` after a name, and sees that something follows it.
fn parse_equals(name: &Ident, usage: &str, input: ParseStream) -> Result<()> {
    if ends(input) {
        return Err(Error::new(name.span(), format!("`{name}` needs a value, as in {usage}")));
    }
    let Ok(equals) = input.parse::<Token![=]>() else { return Err(input.error(format!("expected {usage}"))) };
    if ends(input) {
        return Err(Error::new(equals.span, format!("`{name}` needs a value, as in {usage}")));
    }
    Ok(())
}

/// Whether the argument has nothing more to it.
fn ends(input: ParseStream) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// Takes all up to the next comma.
pub(crate) fn rest_of_argument(input: ParseStream) -> TokenStream {
    let mut rest = TokenStream::new();
    while !ends(input) {
        match input.parse::<TokenTree>() {
            Ok(token) => rest.append(token),
            Err(_) => break,
        }
    }
    rest
}

fn put<T>(place: &mut Option<T>, value: T, name: &Ident) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(name.span(), format!("`{name}` is given twice"))),
    }
}

fn unknown(name: &Ident) -> Error {
    let names = || SETTINGS.iter().map(|setting| setting.name).chain([BLOCKING, ALLOW_PATH, CRATE]);
    let hint = match nearest(&name.to_string(), names()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    };
    let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    Error::new(name.span(), format!("unknown argument `{name}`{hint} (known: {})", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn calls(source: &str) -> String {
        let args: Args = syn::parse_str(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        args.calls(&quote::quote!(::raddle)).to_string().replace(' ', "")
    }

    fn error(source: &str) -> String {
        syn::parse_str::<Args>(source).err().expect(source).to_string()
    }

    fn krate(source: &str) -> String {
        let args: Args = syn::parse_str(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        quote::ToTokens::to_token_stream(&args.krate()).to_string().replace(' ', "")
    }

    #[test]
    fn no_arguments_no_calls() {
        assert_eq!(calls(""), "");
        assert_eq!(krate(""), "");
    }

    #[test]
    fn each_argument_is_one_call() {
        for (source, call) in [
            ("seeds = 500", ".seeds(500)"),
            ("seed = 42", ".seed(42)"),
            ("seed = \"0x2f\"", ".seed(47)"),
            ("strategy = \"pct:3\"", ".strategy_str(\"pct:3\")"),
            ("max_steps = 10_000", ".max_steps(10000)"),
            ("pool_threads = 2", ".pool_threads(2)"),
            ("cpus = 8", ".cpus(8)"),
            ("stall_up_to = \"5ms\"", ".stall_up_to(::core::time::Duration::from_nanos(5000000))"),
            ("watchdog = \"10s\"", ".watchdog(::core::time::Duration::from_nanos(10000000000))"),
            ("watchdog = \"0s\"", ".watchdog(::core::time::Duration::from_nanos(0))"),
            ("cpu_budget = \"50ms\"", ".cpu_budget(::core::time::Duration::from_nanos(50000000))"),
            ("snapshot", ".snapshot(|report|::raddle::assert_interleaving!(report))"),
            ("snapshot = true", ".snapshot(|report|::raddle::assert_interleaving!(report))"),
            ("snapshot = false", ""),
            ("deny_pending", ".deny_pending(true)"),
            ("boundary = \"required\"", ".require_boundary(true)"),
            ("isolation = \"process\"", ".isolation_str(\"process\")"),
            ("isolation = \"thread\"", ".isolation_str(\"thread\")"),
            ("allow_panics = true", ".allow_panics(true)"),
            ("check", ".check(true)"),
            ("regressions = false", ".regressions(false)"),
            ("crate = raddle", ""),
            (
                "blocking(file = \"allow\", sleep = \"report\",)",
                ".blocking(::raddle::Class::File,::raddle::Policy::Allow)\
                 .blocking(::raddle::Class::Sleep,::raddle::Policy::Report)",
            ),
            (
                "allow_path(why = \"small\", file = \"/etc\"), allow_path(socket = \"[::1]:80\", why = \"ours\")",
                ".allow_path(\"small\",::raddle::Class::File,\"/etc\")\
                 .allow_path(\"ours\",::raddle::Class::Socket,\"[::1]:80\")",
            ),
        ] {
            assert_eq!(calls(source), call, "{source}");
        }
    }

    #[test]
    fn settings_are_words() {
        let args: Args =
            syn::parse_str("check, strategy = \"pct:3\", seeds = 9, watchdog = \"2s\", crate = a").unwrap();
        assert_eq!(args.settings(), "seeds=9 strategy=pct:3 watchdog=2000000000ns check=true");
        let args: Args = syn::parse_str("blocking(dns = \"deny\", output = \"report\"), seeds = 9").unwrap();
        assert_eq!(args.settings(), "seeds=9 blocking=dns:deny,output:report");
    }

    #[test]
    fn calls_come_in_one_order_however_they_are_written() {
        let sorted = ".seeds(9).seed(1).strategy_str(\"fifo\").deny_pending(true).check(true)";
        assert_eq!(calls("seeds = 9, seed = 1, strategy = \"fifo\", deny_pending, check"), sorted);
        assert_eq!(calls("check, strategy = \"fifo\", deny_pending = true, crate = a, seed = 1, seeds = 9,"), sorted);
    }

    #[test]
    fn the_path_of_the_crate() {
        for (source, path) in [
            ("crate = other", "other"),
            ("crate = crate::inner::raddle", "crate::inner::raddle"),
            ("crate = ::a::b", "::a::b"),
            ("crate = \"::a::b\"", "::a::b"),
            ("crate = \"crate\", seeds = 2", "crate"),
        ] {
            assert_eq!(krate(source), path, "{source}");
        }
        for source in ["crate = \"a b\"", "crate = \"\"", "crate = 5", "crate = a::<T>", "crate = a b"] {
            let given = source.strip_prefix("crate = ").unwrap();
            let message = error(source).replace(' ', "");
            assert_eq!(message, format!("crate={given}:expectedapath,asin`crate=my::raddle`").replace(' ', ""));
        }
    }

    #[test]
    fn an_unknown_argument_is_answered_with_the_known_ones() {
        let known = "(known: `seeds`, `seed`, `strategy`, `max_steps`, `pool_threads`, `cpus`, `stall_up_to`, `watchdog`, \
                     `cpu_budget`, `snapshot`, `deny_pending`, `allow_panics`, `boundary`, `isolation`, `check`, \
                     `regressions`, `blocking`, `allow_path`, `crate`)";
        assert_eq!(error("sed = 5"), format!("unknown argument `sed`, did you mean `seed`? {known}"));
        assert_eq!(error("flavor = \"multi_thread\""), format!("unknown argument `flavor` {known}"));
    }

    #[test]
    fn one_argument_given_twice() {
        assert_eq!(error("seeds = 5, seeds = 5"), "`seeds` is given twice");
        assert_eq!(error("snapshot, seeds = 5, snapshot = false"), "`snapshot` is given twice");
        assert_eq!(error("crate = a, crate = a"), "`crate` is given twice");
    }

    #[test]
    fn a_value_that_will_not_do_is_named() {
        for (source, message) in [
            ("seeds = 0", "seeds = 0: expected a number from 1 up"),
            ("seeds = -5", "seeds = - 5: expected a number from 1 up"),
            ("seeds = \"5\"", "seeds = \"5\": expected a number from 1 up, without quotes"),
            ("max_steps = 0", "max_steps = 0: expected a number from 1 up"),
            ("cpus = 1025", "cpus = 1025: expected a number from 1 to 1024"),
            ("pool_threads = 10_001", "pool_threads = 10_001: expected a number from 1 to 10000"),
            ("snapshot = 1", "snapshot = 1: expected true or false"),
            ("stall_up_to = \"0s\"", "stall_up_to = \"0s\": expected a time above zero"),
            ("seeds = SEEDS", "seeds = SEEDS: expected a literal, as in `seeds = 500`"),
            ("boundary = \"on\"", "boundary = \"on\": expected \"required\""),
            ("boundary = true", "boundary = true: expected \"required\""),
            ("isolation = \"container\"", "isolation = \"container\": expected \"process\" or \"thread\""),
            ("isolation = true", "isolation = true: expected \"process\" or \"thread\""),
            ("check = yes", "check = yes: expected true or false"),
            ("strategy = fifo", "strategy = fifo: expected a literal, as in `strategy = \"pct:3\"`"),
        ] {
            assert_eq!(error(source), message, "{source}");
        }
    }

    #[test]
    fn what_is_said_of_blocking_calls_and_will_not_do() {
        let policies = "expected \"deny\", \"report\" or \"allow\"";
        let usage = "`blocking(output = \"deny\", sleep = \"report\")`";
        let path = "`allow_path(file = \"/etc/app.toml\", why = \"small, and read once\")`";
        let classes = "(known: `sleep`, `lock`, `join`, `process`, `file`, `socket`, `readiness`, `dns`, `pipe`, `output`, \
                       `close`";
        let below = "what is below it is allowed as well";
        for (source, message) in [
            ("blocking(file = \"ignore\")", format!("file = \"ignore\": {policies}")),
            ("blocking(file = allow)", format!("file = allow: {policies}")),
            ("blocking(file = 3)", format!("file = 3: {policies}")),
            ("blocking(file =)", format!("`file` needs a value: {policies}")),
            ("blocking(file)", format!("`file` needs a value, as in {usage}")),
            ("blocking", format!("`blocking` is written {usage}")),
            ("blocking = \"deny\"", format!("`blocking` is written {usage}")),
            ("blocking()", format!("`blocking` needs a class, as in {usage}")),
            ("blocking(\"file\")", format!("expected the name of a class, as in {usage}")),
            ("blocking(files = \"deny\")", format!("unknown class `files`, did you mean `file`? {classes})")),
            ("blocking(network = \"deny\")", format!("unknown class `network` {classes})")),
            ("blocking(dns = \"deny\", dns = \"deny\")", "`dns` is given twice".into()),
            ("blocking(dns = \"deny\" file = \"deny\")", "expected `,` before the next one".into()),
            ("blocking(dns = \"deny\"), blocking(file = \"deny\")", "`blocking` is given twice".into()),
            ("allow_path(file = \"/etc\")", format!("`allow_path` needs a reason for reviewers to read, as in {path}")),
            ("allow_path(why = \"so\")", format!("`allow_path` needs a class and a path, as in {path}")),
            ("allow_path(why = \"\")", "why = \"\": expected a reason for reviewers to read".into()),
            ("allow_path(file = \"/etc/*\")", format!("file = \"/etc/*\": expected a path without `*`: {below}")),
            ("allow_path(file = PATH)", format!("file = PATH: expected a path in quotes: {below}")),
            (
                "allow_path(sleep = \"/etc\")",
                "calls of class `sleep` name no path: `blocking(sleep = \"allow\")` allows all of them".into(),
            ),
            ("allow_path(wy = \"so\")", format!("unknown class `wy`, did you mean `why`? {classes}, `why`)")),
            ("allow_path(file = \"/a\", file = \"/b\")", "`file` is given twice: write another `allow_path(…)`".into()),
            ("allow_path = \"/etc\"", format!("`allow_path` is written {path}")),
        ] {
            assert_eq!(error(source), message, "{source}");
        }
    }

    #[test]
    fn arguments_that_are_not_spelled_as_one() {
        for (source, message) in [
            ("seeds", "`seeds` needs a value, as in `seeds = 500`"),
            ("seeds, check", "`seeds` needs a value, as in `seeds = 500`"),
            ("seeds =", "`seeds` needs a value, as in `seeds = 500`"),
            ("seeds = , check", "`seeds` needs a value, as in `seeds = 500`"),
            ("crate", "`crate` needs a value, as in `crate = my::raddle`"),
            ("seeds(500)", "expected `seeds = 500`"),
            ("snapshot: true", "expected `snapshot` or `snapshot = true`"),
            ("seeds = 5 check", "expected `,` before the next argument"),
            ("500", "expected the name of an argument, as in `seeds = 500`"),
            ("\"pct:3\"", "expected the name of an argument, as in `seeds = 500`"),
            (", seeds = 5", "expected the name of an argument, as in `seeds = 500`"),
        ] {
            assert_eq!(error(source), message, "{source}");
        }
    }
}
