//! Names for tasks that were given none.

/// The name of the function that a future comes from: the last part of its type's path that is not `{{closure}}`.
///
/// `bank::Bank::transfer::{{closure}}` gives `transfer`. A future whose type tells nothing (a box, a combinator of a
/// library) is a `task`.
pub(crate) fn of_future(type_name: &'static str) -> &'static str {
    let mut path = type_name;
    while let Some(shorter) = path.strip_suffix("::{{closure}}") {
        path = shorter;
    }
    if path.len() == type_name.len() {
        return "task";
    }
    let path = without_arguments(path);
    let last = path.rsplit("::").next().unwrap_or("");
    let is_name = !last.is_empty() && last.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_name { last } else { "task" }
}

/// `a::f<B, c::D>` without the brackets at its end.
fn without_arguments(path: &'static str) -> &'static str {
    if !path.ends_with('>') {
        return path;
    }
    let mut depth = 0;
    for (at, c) in path.char_indices().rev() {
        depth += i32::from(c == '>') - i32::from(c == '<');
        if depth == 0 {
            return path[..at].trim_end_matches("::");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_function_the_future_comes_from() {
        let cases = [
            ("bank::Bank::transfer::{{closure}}", "transfer"),
            ("bank::tests::no_money_is_lost::{{closure}}::{{closure}}", "no_money_is_lost"),
            ("bank::worker<u32, alloc::string::String>::{{closure}}", "worker"),
            ("<bank::Bank as bank::Api>::get::{{closure}}", "get"),
            ("core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = ()>>>", "task"),
            ("futures_lite::future::Zip<a::b::{{closure}}, a::c::{{closure}}>", "task"),
        ];
        for (type_name, name) in cases {
            assert_eq!(of_future(type_name), name, "{type_name}");
        }
    }
}
