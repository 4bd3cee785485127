//! Which stack frames are worth showing.

use crate::place::is_standard;

/// Crates whose frames say nothing about the code under test.
const OURS: &[&str] = &["std", "core", "alloc", "raddle", "async_task", "backtrace", "test"];

/// A symbol that has a path, or a Rust function of whose name the debug information knows the last part only, as it is
/// with `debug = "line-tables-only"`: `file`, where it stands, tells whose it is. None if nothing does.
pub(crate) fn with_path(symbol: String, file: Option<&str>) -> String {
    let is_bare = !symbol.starts_with('<') && !symbol.split('<').next().unwrap_or_default().contains("::");
    match file.filter(|file| is_bare && file.ends_with(".rs")) {
        None => symbol,
        Some(file) => format!("{}::{symbol}", crate_of(file)),
    }
}

/// The crate that a source file belongs to, or the file's own name if it is in no registry.
fn crate_of(file: &str) -> String {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    if is_standard(file) {
        return "std".into();
    }
    if file.starts_with(concat!(env!("CARGO_MANIFEST_DIR"), "/src/")) {
        return "raddle".into();
    }
    // `…/registry/src/<registry>/async-task-4.7.1/src/raw.rs`
    let package = parts.windows(4).find(|four| four[..2] == ["registry", "src"]).map(|four| four[3]);
    match package.and_then(|package| package.rsplit_once('-')) {
        Some((name, _)) => name.replace('-', "_"),
        None => parts.last().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default().into(),
    }
}

/// Whether a frame with this symbol belongs to the code under test (or to a library that it calls).
pub(crate) fn is_users(symbol: &str) -> bool {
    // `<u64>::pow`, `<[a::B]>::sort`: only core has methods on types of the language itself.
    if let Some(this) = symbol.strip_prefix('<').filter(|_| !symbol.contains(" as ")) {
        let is_primitive = this
            .split('>')
            .next()
            .is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        if this.starts_with(['[', '*', '&', '(']) || is_primitive {
            return false;
        }
    }
    // `<a::B as c::D>::e`, `a::b::{{closure}}`; a symbol without a path is C's.
    let path = symbol.trim_start_matches(['<', '&', '*', '(']);
    // `<(&str, u16) as std::net::ToSocketAddrs>::to_socket_addrs`: the type has no path, so its trait tells.
    let path = match path.split_once(" as ") {
        Some((this, implemented)) if !this.contains("::") => implemented,
        _ => path,
    };
    // `with<raddle::world::World>`: what was inlined has no path where the debug information has line tables only.
    let path = path.split_once('<').map_or(path, |(function, _)| function);
    match path.split_once("::") {
        Some((krate, _)) => !OURS.contains(&krate) && !krate.starts_with("__"),
        None => false,
    }
}

/// The path of a function, or of the type that it is a method of: `async_lock::mutex::Lock` for
/// `<async_lock::mutex::Lock<u8> as core::future::Future>::poll`.
pub(crate) fn path_of(symbol: &str) -> String {
    let path = symbol.trim_start_matches(['<', '&', '*', '(']);
    let path = path.split([' ', '<', '>']).next().unwrap_or_default();
    path.trim_end_matches("::{{closure}}").trim_end_matches("::").into()
}

/// Whether a symbol is of `function`, which is the end of a path or all of it (`Config::load`), of a closure in it, or of
/// the future that it returns.
pub(crate) fn is_of(symbol: &str, function: &str) -> bool {
    let bare = without_arguments(symbol);
    bare.match_indices(function).any(|(at, _)| {
        let (before, after) = (&bare[..at], &bare[at + function.len()..]);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        !before.ends_with(is_word) && (after.is_empty() || after.starts_with("::{{closure}}"))
    })
}

/// `bank::Store<u8>::load` without what stands between angle brackets, and `<bank::Store as bank::Api>::load` as
/// `bank::Store::load`.
fn without_arguments(symbol: &str) -> String {
    let (mut bare, mut depth) = (String::new(), 0);
    let symbol = match symbol.strip_prefix('<').and_then(|inner| inner.split_once(" as ")) {
        Some((this, rest)) => match rest.rsplit_once(">::") {
            Some((_, method)) => format!("{this}::{method}"),
            None => symbol.to_string(),
        },
        None => symbol.to_string(),
    };
    for c in symbol.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.replace("::::", "::").trim_end_matches("::").to_string()
}

#[cfg(test)]
mod tests {
    use super::{is_of, is_users, path_of, with_path};

    #[test]
    fn a_function_is_known_by_the_end_of_its_path() {
        for (symbol, function, is) in [
            ("ledger::config::Config::load", "ledger::config::Config::load", true),
            ("ledger::config::Config::load::{{closure}}", "Config::load", true),
            ("ledger::config::Config::load::{{closure}}::{{closure}}", "load", true),
            ("ledger::config::Config::load_all", "Config::load", false),
            ("ledger::config::MyConfig::load", "Config::load", false),
            ("ledger::load::helper", "load", false),
            ("<ledger::Config as ledger::Loads>::load", "Config::load", true),
            ("ledger::Config<alloc::vec::Vec<u8>>::load", "Config::load", true),
            ("ledger::run::<ledger::Config>", "run", true),
            ("ledger::run<ledger::load>", "load", false),
        ] {
            assert_eq!(is_of(symbol, function), is, "{symbol} {function}");
        }
    }

    #[test]
    fn a_path_is_what_a_person_would_write() {
        for (symbol, path) in [
            ("<async_lock::mutex::Lock<u8> as core::future::future::Future>::poll", "async_lock::mutex::Lock"),
            ("<async_channel::Recv<T> as Future>::poll", "async_channel::Recv"),
            ("bank::transfer::{{closure}}", "bank::transfer"),
            ("event_listener::Listener<u8>::poll_internal", "event_listener::Listener"),
        ] {
            assert_eq!(path_of(symbol), path);
        }
    }

    #[test]
    fn a_name_without_a_path_gets_one_by_its_file() {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/src/boundary/turn.rs");
        let task = "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/async-task-4.7.1/src/raw.rs";
        for (symbol, file, told, is_theirs) in [
            (
                "with<raddle::world::World, bank::Answer>",
                Some(ours),
                "raddle::with<raddle::world::World, bank::Answer>",
                false,
            ),
            ("run<bank::Bank>", Some(task), "async_task::run<bank::Bank>", false),
            ("call_once", Some("/rustc/5980/library/core/src/ops/function.rs"), "std::call_once", false),
            ("transfer", Some("/home/me/bank/src/accounts.rs"), "accounts::transfer", true),
            ("sqlite3_step", Some("/home/me/sqlite3.c"), "sqlite3_step", false),
            ("start_thread", None, "start_thread", false),
            ("bank::transfer<u8>", Some(ours), "bank::transfer<u8>", true),
            ("<bank::Bank as bank::Api>::get", Some(ours), "<bank::Bank as bank::Api>::get", true),
        ] {
            assert_eq!(with_path(symbol.into(), file), told);
            assert_eq!(is_users(told), is_theirs, "{told}");
        }
    }

    #[test]
    fn keeps_the_users_and_nothing_else() {
        let mine = [
            "bank::transfer::{{closure}}",
            "<bank::Bank as bank::Api>::get",
            "sims::main",
            "bank::get<raddle::Task<u8>>",
        ];
        for symbol in mine {
            assert!(is_users(symbol), "{symbol}");
        }
        for symbol in [
            "std::panicking::begin_panic",
            "<alloc::boxed::Box<F> as core::ops::FnOnce>::call_once",
            "clone3",
            "start_thread",
            "__rust_try",
            "with<bank::Bank>",
            "<u64>::unchecked_add",
            "<[bank::Bank]>::sort_by",
            "<(&str, u16) as std::net::socket_addr::ToSocketAddrs>::to_socket_addrs",
            "raddle::run::run",
            "<raddle::boundary::tracked::Tracked<F> as core::future::Future>::poll",
        ] {
            assert!(!is_users(symbol), "{symbol}");
        }
    }
}
