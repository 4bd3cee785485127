//! Results as JUnit XML, which most CI systems show.

use super::table::Row;
use crate::error::{Error, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::path::Path;

/// Writes one test case a scenario. `all_counts`: these are all seeds there are, so that a scenario that should have failed by
/// now has not.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, rows: &[Row], all_counts: bool) -> Result<()> {
    let mut report = Report::new("cargo raddle");
    let mut packages: Vec<&str> = rows.iter().map(suite).collect();
    packages.sort_unstable();
    packages.dedup();
    for package in packages {
        let mut suite_of = TestSuite::new(package);
        suite_of.add_test_cases(rows.iter().filter(|row| suite(row) == package).map(|row| case(row, all_counts)));
        report.add_test_suite(suite_of);
    }
    let text = report.to_string().map_err(|error| Error::internal(format!("no JUnit report: {error}")))?;
    std::fs::write(path, text).map_err(|error| Error::internal(format!("{}: {error}", path.display())))
}

fn suite(row: &Row) -> &str {
    row.package.as_deref().unwrap_or("raddle")
}

fn case(row: &Row, all_counts: bool) -> TestCase {
    let mut status = TestCaseStatus::success();
    if let Some(broken) = &row.broken {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(broken.clone());
    } else if row.is_failure() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let texts: Vec<String> = row.failures.iter().filter_map(|failure| failure.text.clone()).collect();
        status.set_message(row.verdict()).set_description(texts.join("\n\n"));
        if let Some(first) = row.failures.first() {
            status.set_type(first.finding.kind.clone());
        }
    }
    if all_counts && row.is_missing() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(row.verdict());
    }
    let mut case = TestCase::new(row.name.clone(), status);
    case.extra.insert("file".into(), row.place.clone().into());
    case
}
