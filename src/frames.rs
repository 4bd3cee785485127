//! Which stack frames are worth showing.

/// Crates whose frames say nothing about the code under test.
const OURS: &[&str] = &["std", "core", "alloc", "raddle", "async_task", "backtrace", "test"];

/// Whether a frame with this symbol belongs to the code under test (or to a library that it calls).
pub(crate) fn is_users(symbol: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::is_users;

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
            "<(&str, u16) as std::net::socket_addr::ToSocketAddrs>::to_socket_addrs",
            "raddle::run::run",
            "<raddle::executor::Tracked<F> as core::future::Future>::poll",
        ] {
            assert!(!is_users(symbol), "{symbol}");
        }
    }
}
