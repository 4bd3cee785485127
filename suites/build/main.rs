//! Takes the suites' sources from cargo, writes adapted copies below `OUT_DIR`, and a list of their tests.

mod adapt;
mod docs;
mod sources;
mod suites;

use adapt::adapt;
use sources::Source;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};
use suites::{SUITES, Suite};

fn main() {
    for path in ["build", "left-out.txt", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let left_out = read(Path::new("left-out.txt"));
    let sources = sources::find();
    let mut list = List::default();
    for suite in SUITES {
        // Of the releases in the graph the newest is the one that was asked for.
        let releases = sources.iter().filter(|((name, _), _)| name == suite.package).map(|(_, source)| source);
        let source = releases.max_by_key(|source| parts(&source.version)).expect("a dependency");
        let folder = out.join(suite.shown);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for a suite");
        list.open(suite, source);
        for path in files(suite, source) {
            list.add_file(suite, &path, &folder, &left_out);
        }
        list.versions.push_str(&format!("    ({:?}, {:?}),\n", suite.shown, source.version));
        if suite.documentation {
            list.add_documentation(suite, &source.folder.join("src"), &folder, &left_out);
        }
        list.modules += "}\n";
    }
    let text = format!(
        "{}\npub static PUBLISHED: &[Test] = &[\n{}];\npub static VERSIONS: &[(&str, &str)] = &[\n{}];\n{}",
        list.modules,
        list.tests,
        list.versions,
        list.uncompiled()
    );
    fs::write(out.join("suites.rs"), text).expect("OUT_DIR can be written to");
}

fn parts(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files with tests of a suite, each with its name.
fn files(suite: &Suite, source: &Source) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in suite.files.iter().map(|path| source.folder.join(path)) {
        if path.extension().is_some() {
            found.push(path);
            continue;
        }
        let missing = format!("{} {} publishes no {}", suite.package, source.version, path.display());
        let entries = fs::read_dir(&path).unwrap_or_else(|_| panic!("{missing}"));
        found.extend(entries.map(|entry| entry.expect("a folder can be listed").path()));
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    found.sort();
    found
}

/// The text of the list, as it grows.
#[derive(Default)]
struct List {
    modules: String,
    tests: String,
    /// Of the suite that is being added.
    version: String,
    versions: String,
    examples: Vec<String>,
    uncompiled: Vec<String>,
}

impl List {
    fn open(&mut self, suite: &Suite, source: &Source) {
        self.version = source.version.clone();
        let _ = writeln!(self.modules, "#[allow(warnings)]\npub mod {} {{", ident(suite.shown));
    }

    /// One file of tests; one that is left out whole is not compiled.
    fn add_file(&mut self, suite: &Suite, path: &Path, folder: &Path, left_out: &str) {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        if self.is_left_out(&format!("{}/{name}", suite.shown), left_out) {
            return;
        }
        let adapted = adapt(&read(path), suite.edits);
        if path.parent().is_some_and(|folder| folder.ends_with("examples")) {
            self.examples.push(name.clone());
        }
        let to = folder.join(format!("{name}.rs"));
        fs::write(&to, adapted.text).expect("OUT_DIR can be written to");
        let common = path.with_file_name("common");
        if common.is_dir() {
            // A file that `#[path]` names looks for its modules beside it.
            fs::create_dir_all(folder.join("common")).expect("a folder for a module");
            let text = adapt(&read(&common.join("mod.rs")), suite.edits).text;
            fs::write(folder.join("common/mod.rs"), text).expect("OUT_DIR can be written to");
        }
        let module = ident(&name);
        let _ = writeln!(self.modules, "#[path = {to:?}]\npub mod {module};");
        for test in adapted.tests {
            self.add(suite, &format!("{name}::{test}"), &format!("{module}::{test}"));
        }
    }

    /// The examples in the documentation of every file of a crate.
    fn add_documentation(&mut self, suite: &Suite, folder: &Path, to: &Path, left_out: &str) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .expect("a crate has sources")
            .map(|entry| entry.expect("a folder can be listed").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
            if self.is_left_out(&format!("{}/doc::{stem}", suite.shown), left_out) {
                continue;
            }
            for example in docs::examples(&read(&path)) {
                let name = format!("{stem}_{}", example.line);
                let text = adapt(&docs::module(&example), suite.edits).text;
                let to = to.join(format!("doc_{name}.rs"));
                fs::write(&to, text).expect("OUT_DIR can be written to");
                let _ = writeln!(self.modules, "#[path = {to:?}]\npub mod doc_{name};");
                self.add(suite, &format!("doc::{stem}:{}", example.line), &format!("doc_{name}::main"));
            }
        }
    }

    /// Whether a whole file is left out.
    fn is_left_out(&mut self, file: &str, left_out: &str) -> bool {
        let is = left_out.lines().any(|line| line.split_once(": ").is_some_and(|(id, _)| id == file));
        if is {
            self.uncompiled.push(file.into());
        }
        is
    }

    fn add(&mut self, suite: &Suite, name: &str, path: &str) {
        let (shown, version) = (suite.shown, &self.version);
        let own_process = suite.own_process.iter().any(|begin| name.starts_with(begin));
        let _ = writeln!(
            self.tests,
            "    Test {{ suite: {shown:?}, version: {version:?}, name: {name:?}, own_process: {own_process}, says: &[], \
             body: || {}::{path}().told() }},",
            ident(shown)
        );
    }

    /// What of the list of what is left out was not compiled, and which examples were.
    fn uncompiled(&self) -> String {
        let (uncompiled, examples) = (&self.uncompiled, &self.examples);
        format!(
            "pub static UNCOMPILED: &[&str] = &{uncompiled:?};\n#[cfg(test)]\npub static EXAMPLES: &[&str] = &{examples:?};\n"
        )
    }
}

/// A name as one that a module can have.
fn ident(name: &str) -> String {
    format!("suite_{}", name.replace(['-', '.'], "_"))
}
