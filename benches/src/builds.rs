//! The peers' programs, built by cargo.

use crate::catalogue::{Package, Peer, Row};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where each program is, by profile.
pub struct Builds {
    release: String,
    programs: HashMap<(String, &'static str), PathBuf>,
}

impl Builds {
    /// Builds what these rows need.
    pub fn make(rows: &[Row], release: &str) -> Result<Builds, String> {
        let mut wanted: BTreeMap<(&str, Package), BTreeSet<&'static str>> = BTreeMap::new();
        for row in rows {
            for peer in &row.peers {
                wanted.entry((row.build.profile(release), peer.package)).or_default().insert(peer.program);
            }
        }
        let mut programs = HashMap::new();
        for ((profile, package), names) in wanted {
            let built = build(profile, package, &names)?;
            for name in names {
                let path = built.get(name).ok_or(format!("cargo built no {name}"))?;
                programs.insert((profile.to_string(), name), path.clone());
            }
        }
        Ok(Builds { release: release.into(), programs })
    }

    /// The program of this peer in this row.
    pub fn program(&self, row: &Row, peer: &Peer) -> &Path {
        &self.programs[&(row.build.profile(&self.release).to_string(), peer.program)]
    }
}

/// Has cargo build these programs of one package; where they are.
fn build(profile: &str, package: Package, names: &BTreeSet<&str>) -> Result<HashMap<String, PathBuf>, String> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = if package == Package::Madsim { benches.join("madsim") } else { benches.to_path_buf() };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    // In its own folder, since that is where cargo looks for `.cargo/config.toml`.
    cargo.current_dir(&folder).args(["build", "--message-format=json-render-diagnostics"]);
    cargo.args(["--profile", profile]).args(names.iter().flat_map(|name| ["--bin", name])).stderr(Stdio::inherit());
    let target = std::env::var_os("CARGO_TARGET_DIR").and_then(|target| std::path::absolute(target).ok());
    if let Some(target) = &target {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    if package == Package::Madsim {
        // These would win over the package's own flags.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_RUSTFLAGS");
        if let Some(target) = &target {
            // With other flags everything is compiled anew, so not among what the others have.
            cargo.env("CARGO_TARGET_DIR", target.join("madsim"));
        }
    }
    let output = cargo.output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo build --profile {profile} failed in {}", folder.display()));
    }
    let mut programs = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).map_err(|error| format!("cargo's message {line}: {error}"))?;
        if let (Some(path), Some(name)) = (message["executable"].as_str(), message["target"]["name"].as_str()) {
            programs.insert(name.to_string(), PathBuf::from(path));
        }
    }
    Ok(programs)
}
