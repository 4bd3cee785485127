//! Where cargo keeps the sources of what this package depends on.

use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// A published crate.
pub struct Source {
    pub version: String,
    pub folder: PathBuf,
}

/// The crates in the graph, by name and version.
pub fn find() -> BTreeMap<(String, String), Source> {
    let variable = |name| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut command = Command::new(variable("CARGO"));
    command.args(["metadata", "--format-version", "1", "--filter-platform", &variable("TARGET")]);
    command.arg("--manifest-path").arg(manifest);
    let output = command.output().expect("cargo can be started");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let graph: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    let packages = graph["packages"].as_array().expect("packages");
    let text = |package: &Value, key: &str| package[key].as_str().expect("a text").to_string();
    let one = |package: &Value| {
        let manifest = PathBuf::from(text(package, "manifest_path"));
        let folder = manifest.parent().expect("a file is in a folder").to_path_buf();
        let version = text(package, "version");
        ((text(package, "name"), version.clone()), Source { version, folder })
    };
    packages.iter().map(one).collect()
}
