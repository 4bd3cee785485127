//! Cargo: has the test binaries built, and knows where things are.

use crate::cli::{Build, Global};
use crate::error::{Error, Result};
use crate::scenario::Binary;
use cargo_metadata::{Message, Metadata, MetadataCommand, PackageId};
use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What was built, and where.
#[derive(Debug)]
pub struct Built {
    pub binaries: Vec<Arc<Binary>>,
    pub target_dir: PathBuf,
    /// Where shared libraries of the build are, for the tests that load them.
    pub library_dirs: Vec<PathBuf>,
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds all test binaries that are asked for. Cargo says on stderr what it does, as usual.
///
/// # Errors
/// There is no workspace here, or the build fails.
pub fn build(options: &Build, global: &Global) -> Result<Built> {
    let metadata = metadata(options)?;
    let mut command = cargo();
    command.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    command.args(arguments(options));
    if global.quiet {
        command.arg("--quiet");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::internal(format!("cargo cannot be started: {error}")))?;
    let (mut binaries, mut dirs) = (Vec::new(), BTreeSet::new());
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            match message {
                Ok(Message::CompilerArtifact(artifact)) if artifact.profile.test => {
                    let Some(path) = artifact.executable else { continue };
                    dirs.extend(path.parent().map(|dir| PathBuf::from(dir.as_std_path())));
                    let kind = artifact.target.kind.first().map_or_else(|| "test".into(), ToString::to_string);
                    binaries.extend(binary(&metadata, &artifact.package_id, path.into(), kind, artifact.target.name));
                }
                Ok(Message::BuildScriptExecuted(script)) => {
                    let paths = script.linked_paths.iter().map(|p| p.as_str());
                    dirs.extend(paths.map(|p| PathBuf::from(p.split_once('=').map_or(p, |(_, path)| path))));
                }
                Ok(_) => {}
                Err(error) => return Err(Error::internal(format!("cargo's messages cannot be read: {error}"))),
            }
        }
    }
    let status = child.wait().map_err(|error| Error::internal(format!("cargo is lost: {error}")))?;
    if !status.success() {
        return Err(Error::internal("the build failed: nothing was run"));
    }
    let target_dir = metadata.target_directory.into_std_path_buf();
    Ok(Built { binaries, target_dir, library_dirs: dirs.into_iter().collect() })
}

fn metadata(options: &Build) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.no_deps();
    if let Some(path) = &options.manifest_path {
        command.manifest_path(path);
    }
    command.exec().map_err(|error| {
        let text = match error {
            cargo_metadata::Error::CargoMetadata { stderr } => stderr,
            other => other.to_string(),
        };
        let text = text.trim().trim_start_matches("error: ").to_string();
        Error::usage(text)
    })
}

/// The arguments of `cargo test` that choose what is built.
fn arguments(options: &Build) -> Vec<std::ffi::OsString> {
    let mut words: Vec<std::ffi::OsString> = Vec::new();
    let mut all = |name: &str, values: &[String]| {
        values.iter().for_each(|value| words.extend([name.into(), value.into()]));
    };
    all("--package", &options.package);
    all("--test", &options.test);
    all("--features", &options.features);
    let has_target = options.lib || options.sims || !options.test.is_empty();
    let switches = [
        (options.package.is_empty(), "--workspace"),
        (options.lib, "--lib"),
        (options.sims, "--test=sims"),
        (!has_target, "--tests"),
        (options.release, "--release"),
        (options.all_features, "--all-features"),
        (options.no_default_features, "--no-default-features"),
        (options.locked, "--locked"),
        (options.offline, "--offline"),
    ];
    words.extend(switches.iter().filter(|(on, _)| *on).map(|(_, word)| word.into()));
    if let Some(profile) = &options.profile {
        words.extend(["--profile".into(), profile.into()]);
    }
    if let Some(path) = &options.manifest_path {
        words.extend(["--manifest-path".into(), path.into()]);
    }
    words
}

fn binary(metadata: &Metadata, id: &PackageId, path: PathBuf, kind: String, target: String) -> Option<Arc<Binary>> {
    let package = metadata.packages.iter().find(|package| package.id == *id)?;
    let package_dir = Path::new(package.manifest_path.as_str()).parent()?.to_path_buf();
    let (package, version) = (package.name.to_string(), package.version.to_string());
    Some(Arc::new(Binary { path, package, kind, target, package_dir, version }))
}
