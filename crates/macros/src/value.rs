//! The values of arguments. A value that will not do is answered with what was expected, as the end of the sentence
//! "`name = given: expected …`".

use std::ops::RangeInclusive;

use syn::Lit;

/// A number literal within `range`.
pub(crate) fn number(lit: &Lit, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let (first, last) = (range.start(), range.end());
    let bounds = if *last == u64::MAX { format!("from {first} up") } else { format!("from {first} to {last}") };
    match lit {
        Lit::Int(int) if !int.suffix().is_empty() => Err(format!("a number {bounds}, without a suffix")),
        Lit::Int(int) if int.base10_digits().starts_with('-') => Err(format!("a number {bounds}")),
        Lit::Int(int) => match int.base10_parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) => Err(format!("a number {bounds}")),
            Err(_) => Err(format!("a number from {first} to {last}")),
        },
        Lit::Float(_) => Err(format!("a whole number {bounds}")),
        Lit::Str(_) => Err(format!("a number {bounds}, without quotes")),
        _ => Err(format!("a number {bounds}")),
    }
}

/// A seed: a number literal, or a string with a decimal number, a hexadecimal one after `0x`, or a commit hash.
pub(crate) fn seed(lit: &Lit) -> Result<u64, String> {
    match lit {
        Lit::Str(text) => seed_text(&text.value()).map_err(String::from),
        Lit::Int(int) if int.suffix().is_empty() && !int.base10_digits().starts_with('-') => {
            int.base10_parse().map_err(|_| SEED_TOO_LARGE.into())
        }
        _ => Err(SEED_FORMS.into()),
    }
}

const SEED_FORMS: &str = "a number such as 42 or \"0x2f\", or a commit hash of 40 hex digits";
const SEED_TOO_LARGE: &str = "a seed of 64 bits, up to 18446744073709551615 or \"0xffffffffffffffff\"";
const SEED_IS_FIXED: &str = "a fixed seed; for another one at every run, set RADDLE_SEED=random in the environment";

/// Reads what the core reads in `RADDLE_SEED`.
fn seed_text(text: &str) -> Result<u64, &'static str> {
    let digits = text.trim().replace('_', "");
    if digits == "random" {
        return Err(SEED_IS_FIXED);
    }
    if digits.len() == 40 && all_hex(&digits) {
        return u64::from_str_radix(&digits[..16], 16).map_err(|_| SEED_FORMS);
    }
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if all_hex(hex) => (hex, 16),
        None if all_decimal(&digits) => (digits.as_str(), 10),
        _ => return Err(SEED_FORMS),
    };
    // What is left to fail is a number that is too large.
    u64::from_str_radix(digits, radix).map_err(|_| SEED_TOO_LARGE)
}

/// A strategy, spelled as the core prints it.
pub(crate) fn strategy(lit: &Lit) -> Result<String, String> {
    let Lit::Str(text) = lit else { return Err(STRATEGIES.into()) };
    strategy_text(text.value().trim()).ok_or_else(|| STRATEGIES.into())
}

const STRATEGIES: &str = "\"portfolio\", \"random\", \"reversal\", \"urw\", \"surw\", \"pos\", \"late-writes\", \
                          \"pct:DEPTH\" (DEPTH from 1 to 64), \"delay:DELAYS\" (0 to 64), \"exhaustive\" or \"fifo\"";

fn strategy_text(text: &str) -> Option<String> {
    let Some((name, numbers)) = text.split_once(':') else {
        let plain = ["portfolio", "random", "reversal", "urw", "surw", "pos", "late-writes", "exhaustive", "fifo"];
        return plain.contains(&text).then(|| text.into());
    };
    let least = match name {
        "pct" => 1,
        "delay" => 0,
        _ => return None,
    };
    let (number, length) = match numbers.split_once('@') {
        Some((number, length)) => (number, Some(length)),
        None => (numbers, None),
    };
    let count = |text: &str, least| {
        let number = if all_decimal(text) { text.parse::<u64>().ok() } else { None };
        number.filter(|&number| number >= least)
    };
    let number = count(number, least).filter(|&number| number <= 64)?;
    match length {
        Some(length) => Some(format!("{name}:{number}@{}", count(length, 1)?)),
        None => Some(format!("{name}:{number}")),
    }
}

/// A time in nanoseconds, of at least `least`: a whole number and its unit.
pub(crate) fn time(lit: &Lit, least: u64) -> Result<u64, String> {
    let Lit::Str(text) = lit else { return Err(TIME_FORMS.into()) };
    match time_text(&text.value())? {
        nanos if nanos < least => Err("a time above zero".into()),
        nanos => Ok(nanos),
    }
}

const TIME_FORMS: &str = "a whole number and its unit (ns, us, ms or s) in quotes, such as \"5ms\"";

fn time_text(text: &str) -> Result<u64, &'static str> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(TIME_FORMS)?;
    let (digits, unit) = text.split_at(unit_at);
    let unit: u64 = match unit {
        _ if digits.is_empty() => return Err(TIME_FORMS),
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(TIME_FORMS),
    };
    let nanos = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    nanos.ok_or("a time of at most \"18446744073s\"")
}

/// On or off.
pub(crate) fn switch(lit: &Lit) -> Result<bool, String> {
    match lit {
        Lit::Bool(switch) => Ok(switch.value),
        Lit::Str(_) => Err("true or false, without quotes".into()),
        _ => Err("true or false".into()),
    }
}

/// The word `"required"`.
pub(crate) fn required(lit: &Lit) -> Result<bool, String> {
    match lit {
        Lit::Str(word) if word.value() == "required" => Ok(true),
        _ => Err("\"required\"".into()),
    }
}

/// Where runs take place: `"process"` or `"thread"`.
pub(crate) fn isolation(lit: &Lit) -> Result<String, String> {
    match lit {
        Lit::Str(word) if ["process", "thread"].contains(&word.value().as_str()) => Ok(word.value()),
        _ => Err("\"process\" or \"thread\"".into()),
    }
}

fn all_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn all_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<u64> = 0..=u64::MAX;
    const SOME: RangeInclusive<u64> = 1..=u64::MAX;
    const FEW: RangeInclusive<u64> = 1..=10_000;

    fn lit(source: &str) -> Lit {
        syn::parse_str(source).unwrap()
    }

    #[test]
    fn numbers() {
        for (source, value) in [("1", 1), ("10_000", 10_000), ("0x2f", 0x2f), ("0b101", 5), ("0o17", 15)] {
            assert_eq!(number(&lit(source), &FEW), Ok(value), "{source}");
        }
        assert_eq!(number(&lit("0"), &ANY), Ok(0));
        assert_eq!(number(&lit("18446744073709551615"), &SOME), Ok(u64::MAX));
    }

    #[test]
    fn numbers_out_of_range_or_of_another_type() {
        for (source, expected) in [
            ("0", "a number from 1 up"),
            ("-5", "a number from 1 up"),
            ("5u64", "a number from 1 up, without a suffix"),
            ("-5i64", "a number from 1 up, without a suffix"),
            ("1.5", "a whole number from 1 up"),
            ("1e6", "a whole number from 1 up"),
            ("\"5\"", "a number from 1 up, without quotes"),
            ("true", "a number from 1 up"),
            ("'5'", "a number from 1 up"),
            ("18446744073709551616", "a number from 1 to 18446744073709551615"),
        ] {
            assert_eq!(number(&lit(source), &SOME), Err(expected.into()), "{source}");
        }
        for source in ["0", "10_001", "18446744073709551616"] {
            assert_eq!(number(&lit(source), &FEW), Err("a number from 1 to 10000".into()), "{source}");
        }
    }

    #[test]
    fn seeds() {
        let hash = "\"00000000000000ffdeadbeefdeadbeefdeadbeef\"";
        let decimal_hash = "\"1234567812345678123456781234567812345678\"";
        for (source, value) in [
            ("0", 0),
            ("42", 42),
            ("0x2f", 0x2f),
            ("\"0\"", 0),
            ("\"42\"", 42),
            ("\"0x2F\"", 0x2f),
            ("\"0X2f\"", 0x2f),
            ("\" 10_000 \"", 10_000),
            ("\"0xffffffffffffffff\"", u64::MAX),
            ("\"18446744073709551615\"", u64::MAX),
            (hash, 0xff),
            (decimal_hash, 0x1234_5678_1234_5678),
        ] {
            assert_eq!(seed(&lit(source)), Ok(value), "{source}");
        }
    }

    #[test]
    fn seeds_that_are_none() {
        for source in ["\"\"", "\"0x\"", "\"2f\"", "\"+1\"", "\"-1\"", "\"1 2\"", "\"_\"", "\"0x+1\"", "\"Random\""] {
            assert_eq!(seed(&lit(source)), Err(SEED_FORMS.into()), "{source}");
        }
        for source in ["-1", "1u64", "1.0", "true", "'1'", "b\"1\""] {
            assert_eq!(seed(&lit(source)), Err(SEED_FORMS.into()), "{source}");
        }
        let too_large = ["18446744073709551616", "\"18446744073709551616\"", "\"0x10000000000000000\""];
        for source in too_large {
            assert_eq!(seed(&lit(source)), Err(SEED_TOO_LARGE.into()), "{source}");
        }
        assert_eq!(seed(&lit("\"random\"")), Err(SEED_IS_FIXED.into()));
    }

    #[test]
    fn a_hash_of_another_length_is_no_seed() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(seed_text(hash), Ok(0x0123_4567_89ab_cdef));
        assert_eq!(seed_text(&hash[..39]), Err(SEED_FORMS));
        assert_eq!(seed_text(&format!("{hash}8")), Err(SEED_FORMS));
        // 40 bytes, cut in the middle of a character if it were cut.
        assert_eq!(seed_text(&format!("{}é{}", "0".repeat(15), "0".repeat(23))), Err(SEED_FORMS));
    }

    #[test]
    fn strategies() {
        for (source, name) in [
            ("random", "random"),
            (" fifo", "fifo"),
            ("pct:1", "pct:1"),
            ("pct:064", "pct:64"),
            ("pct:3@120", "pct:3@120"),
            ("delay:0", "delay:0"),
            ("exhaustive", "exhaustive"),
            ("portfolio", "portfolio"),
        ] {
            assert_eq!(strategy(&lit(&format!("{source:?}"))), Ok(name.into()), "{source}");
        }
    }

    #[test]
    fn strategies_that_do_not_exist() {
        let depths = ["pct", "pct:", "pct:0", "pct:65", "pct:+3", "pct: 3", "pct:99999999999999999999"];
        for source in ["", "lifo", "Random", "replay", "pct:3@", "pct:3@0", "pct:3@x"].into_iter().chain(depths) {
            assert_eq!(strategy(&lit(&format!("{source:?}"))), Err(STRATEGIES.into()), "{source}");
        }
        assert_eq!(strategy(&lit("3")), Err(STRATEGIES.into()));
    }

    #[test]
    fn times() {
        for (source, nanos) in
            [("1ns", 1), ("7us", 7_000), ("5ms", 5_000_000), ("10s", 10_000_000_000), ("010s", 10_000_000_000)]
        {
            assert_eq!(time(&lit(&format!("{source:?}")), 1), Ok(nanos), "{source}");
        }
        assert_eq!(time_text("18446744073s"), Ok(18_446_744_073_000_000_000));
        for source in ["", "5", "ms", "5 ms", "1.5ms", "-5ms", "5m", "5µs", "5msec", "5MS", " 5ms", "1_000ms"] {
            assert_eq!(time_text(source), Err(TIME_FORMS), "{source}");
        }
        assert_eq!(time(&lit("5"), 0), Err(TIME_FORMS.into()));
    }

    #[test]
    fn times_that_are_nothing_or_too_long() {
        assert_eq!(time(&lit("\"0ms\""), 1), Err("a time above zero".into()));
        assert_eq!(time(&lit("\"0ms\""), 0), Ok(0));
        for source in ["18446744074s", "99999999999999999999ns"] {
            assert_eq!(time_text(source), Err("a time of at most \"18446744073s\""), "{source}");
        }
    }

    #[test]
    fn switches() {
        assert_eq!(switch(&lit("true")), Ok(true));
        assert_eq!(switch(&lit("false")), Ok(false));
        assert_eq!(switch(&lit("\"true\"")), Err("true or false, without quotes".into()));
        assert_eq!(switch(&lit("1")), Err("true or false".into()));
    }
}
