//! Snapshots of interleavings and outcomes: the only room that names insta.

use crate::report::{Found, Report};
use std::fmt::Debug;
use std::path::Path;

#[doc(hidden)]
pub use insta;

/// What a snapshot is called, says and contains.
#[doc(hidden)]
pub struct Snapshot {
    pub name: String,
    pub text: String,
    pub settings: insta::Settings,
}

fn snapshot(manifest_dir: &str, name: String, text: String, description: String) -> Snapshot {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(manifest_dir).join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    Snapshot { name, text, settings }
}

/// `crate::module::test::{{closure}}::here` as `module__test`.
fn name_of(here: &str, label: &str) -> String {
    let path = here.strip_suffix("::here").unwrap_or(here).replace("::{{closure}}", "");
    let mut parts: Vec<&str> = path.split("::").skip(1).collect();
    parts.dedup(); // the attribute makes an inner function of the same name
    let name = parts.join("__");
    if label.is_empty() { name } else { format!("{name}-{label}") }
}

#[doc(hidden)]
pub fn of_report<T: Debug>(report: &Report<T>, manifest_dir: &str, here: &str, label: &str) -> Snapshot {
    let name = format!("{}@{}", name_of(here, label), report.seed());
    let description = format!("seed {}, strategy {}", report.seed(), report.strategy());
    snapshot(manifest_dir, name, report.interleaving(), description)
}

#[doc(hidden)]
pub fn of_outcomes(found: &Found, manifest_dir: &str, here: &str, label: &str) -> Snapshot {
    let description = format!(
        "every distinct outcome, and the shortest schedule found that leads to it; strategy {}",
        found.strategy()
    );
    snapshot(manifest_dir, format!("{}@outcomes", name_of(here, label)), found.outcome_set(), description)
}

/// Compares the interleaving of a [`Report`] with the snapshot in `snapshots/`, by `insta`: a change shows in
/// `cargo insta review` as a diff of lanes.
///
/// The snapshot is named after the test and the seed; a second argument tells several in one test apart. It can be used
/// with a [`Failure`](crate::Failure)'s report as well: `assert_interleaving!(failure.report())`.
///
/// ```no_run
/// let report = raddle::Sim::new().seed(42).run(|| async { raddle::spawn(async {}).await });
/// raddle::assert_interleaving!(report);
/// raddle::assert_interleaving!(report, "again");
/// ```
#[macro_export]
macro_rules! assert_interleaving {
    ($report:expr) => {
        $crate::assert_interleaving!($report, "")
    };
    ($report:expr, $label:expr) => {{
        fn here() {}
        let snapshot = $crate::__private::of_report(
            &$report,
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::any::type_name_of_val(&here),
            $label,
        );
        snapshot.settings.bind(|| $crate::__private::insta::assert_snapshot!(snapshot.name, snapshot.text));
    }};
}

/// Compares the distinct outcomes of an [`Explore`](crate::Explore) with the snapshot in `snapshots/`, by `insta`: a race
/// shows in review as one more line.
///
/// ```no_run
/// let found = raddle::Explore::new().run(|| async { raddle::spawn(async { 1 }).await });
/// raddle::assert_outcomes!(found);
/// ```
#[macro_export]
macro_rules! assert_outcomes {
    ($found:expr) => {
        $crate::assert_outcomes!($found, "")
    };
    ($found:expr, $label:expr) => {{
        fn here() {}
        let snapshot = $crate::__private::of_outcomes(
            &$found,
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::any::type_name_of_val(&here),
            $label,
        );
        snapshot.settings.bind(|| $crate::__private::insta::assert_snapshot!(snapshot.name, snapshot.text));
    }};
}
