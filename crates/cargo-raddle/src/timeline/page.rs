//! The page: one file, no network, no framework. What comes from the run is escaped, and shown as text.

use crate::protocol::Looked;
use crate::replay::nanos;
use crate::shell::count;
use html_escape::encode_safe;
use serde_json::json;

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run.
pub fn page(name: &str, looked: &Looked) -> String {
    let run = &looked.run;
    let title = format!("{name} at seed {}", looked.seed);
    let (class, verdict) = match &run.finding {
        Some(finding) => ("failed", finding.headline.clone()),
        None => ("passed", "passed".into()),
    };
    let not_kept = run.gap.as_ref().map_or(String::new(), |gap| format!(", {} in the middle not kept", gap.count));
    let facts = format!(
        "seed {}, strategy {}, {}, {}{not_kept}, {} virtual, {}, {}, boundary {}",
        looked.seed,
        run.strategy,
        count(run.steps, "step"),
        count(run.events.len() as u64, "event"),
        nanos(run.elapsed),
        count(run.deviations.len() as u64, "deviation"),
        count(run.leaks.len() as u64, "leak"),
        run.boundary,
    );
    let data = json!({ "actors": run.actors, "events": run.events, "leaks": run.leaks });
    fill(&[
        ("@TITLE@", &encode_safe(&title)),
        ("@NAME@", &encode_safe(&title)),
        ("@VERDICT_CLASS@", class),
        ("@VERDICT@", &encode_safe(&verdict)),
        ("@FACTS@", &encode_safe(&facts)),
        ("@STYLE@", STYLE),
        ("@SCRIPT@", SCRIPT),
        ("@DATA@", &in_script(&data.to_string())),
    ])
}

/// JSON that cannot end the element it stands in.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The template with its places filled, in one pass: what is put in is not looked at again.
fn fill(values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(HTML.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = HTML;
    while let Some((at, key, value)) =
        values.iter().filter_map(|(key, value)| Some((rest.find(key)?, key, value))).min_by_key(|(at, ..)| *at)
    {
        page += &rest[..at];
        page += value;
        rest = &rest[at + key.len()..];
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_run_becomes_markup() {
        let evil = "</script><img src=x onerror=alert(1)>@DATA@&";
        let page =
            fill(&[("@TITLE@", &encode_safe(evil)), ("@DATA@", &in_script(&json!({ "text": evil }).to_string()))]);
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("</script>").count(), HTML.matches("</script>").count());
        assert!(page.contains("@DATA@&amp;"), "what is put in is not filled again");
        let data = in_script(&json!({ "text": evil }).to_string());
        let read: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(read["text"], evil, "and it is still what it was");
    }

    #[test]
    fn the_template_has_every_place_once() {
        for key in ["TITLE", "NAME", "VERDICT_CLASS", "VERDICT", "FACTS", "STYLE", "SCRIPT", "DATA"] {
            assert_eq!(HTML.matches(&format!("@{key}@")).count(), 1, "{key}");
        }
    }

    #[test]
    fn the_page_asks_for_nothing() {
        for part in [HTML, STYLE, SCRIPT] {
            for word in ["http://", "https://", "url(", "@import", "fetch(", "XMLHttpRequest", "innerHTML"] {
                assert!(!part.contains(word), "{word}");
            }
        }
    }
}
