//! Snapshots of interleavings and outcomes: the only room that names insta.

use crate::report::{Found, Report};
use std::fmt::Debug;
use std::path::Path;

#[doc(hidden)]
pub use insta;

/// What a snapshot is called and contains, and what is said where it is not what was recorded.
#[doc(hidden)]
pub struct Snapshot {
    name: String,
    text: String,
    settings: insta::Settings,
    told: Told,
}

impl Snapshot {
    fn new(manifest_dir: &str, name: String, text: String, description: String, told: Told) -> Snapshot {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(manifest_dir).join("snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(description);
        Snapshot { name, text, settings, told }
    }

    /// Has insta compare: `assert` is given the name and the text.
    pub fn compare(self, assert: impl FnOnce(String, String)) {
        let Snapshot { name, text, settings, told } = self;
        settings.bind(|| assert(name, text));
        drop(told);
    }
}

/// Says, behind insta's own message, what the difference means and how to have the run again.
struct Told {
    what: String,
    replay: String,
}

impl Drop for Told {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("\nraddle: {}", self.what);
        eprintln!("  accept: cargo insta review");
        eprintln!("  replay: {}", self.replay);
    }
}

/// `crate::module::test::{{closure}}::here` as `module__test`.
fn name_of(here: &str, label: &str) -> String {
    let path = here.strip_suffix("::here").unwrap_or(here).replace("::{{closure}}", "");
    let mut parts: Vec<&str> = path.split("::").skip(1).collect();
    parts.dedup(); // the attribute makes an inner function of the same name
    let name = parts.join("__");
    if label.is_empty() { name } else { format!("{name}-{label}") }
}

/// Where insta keeps the snapshot of that name, from the package's folder.
fn file_of(name: &str) -> String {
    format!("snapshots/{name}.snap")
}

/// What is not in the file yet, or differs from what is there.
fn against(manifest_dir: &str, file: &str, what: &str, differs: &str, is_new: &str) -> String {
    match Path::new(manifest_dir).join(file).exists() {
        true => format!("{what} {differs} {file} has recorded"),
        false => format!("{what} {is_new} in {file} yet"),
    }
}

#[doc(hidden)]
pub fn of_report<T: Debug>(report: &Report<T>, manifest_dir: &str, here: &str, label: &str) -> Snapshot {
    let name = format!("{}@{}", name_of(here, label), report.seed());
    let description = format!("seed {}, strategy {}", report.seed(), report.strategy_called());
    let run = format!("seed {} of {}", report.seed(), report.name());
    let what = against(manifest_dir, &file_of(&name), &run, "does not go the way that", "is not");
    let told = Told { what, replay: report.line_that_shows() };
    Snapshot::new(manifest_dir, name, report.interleaving(), description, told)
}

#[doc(hidden)]
pub fn of_outcomes(found: &Found, manifest_dir: &str, here: &str, label: &str) -> Snapshot {
    let description = format!(
        "every distinct outcome, and the shortest schedule found that leads to it; strategy {}",
        found.strategy_called()
    );
    let name = format!("{}@outcomes", name_of(here, label));
    let outcomes = format!("the outcomes of {}", found.name());
    let what = against(manifest_dir, &file_of(&name), &outcomes, "are not those that", "are not");
    let replay = "this test once more: it tries the same seeds each time".into();
    Snapshot::new(manifest_dir, name, found.outcome_set(), description, Told { what, replay })
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
        $crate::__private::of_report(
            &$report,
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::any::type_name_of_val(&here),
            $label,
        )
        .compare(|name, text| $crate::__private::insta::assert_snapshot!(name, text));
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
        $crate::__private::of_outcomes(
            &$found,
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::any::type_name_of_val(&here),
            $label,
        )
        .compare(|name, text| $crate::__private::insta::assert_snapshot!(name, text));
    }};
}
