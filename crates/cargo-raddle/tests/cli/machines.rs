//! What `docs/many-machines.md` tells people to paste: run as far as it can be without the machines, so that it does not
//! rot. Numbers of seeds and times are made smaller, nothing else.

use crate::run::{Told, finish, raddle, results, shell};
use crate::yard;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use yaml_rust2::{Yaml, YamlLoader};

/// The block of code of this language below a heading.
fn block(heading: &str, language: &str) -> String {
    let path = yard::raddle().join("docs/many-machines.md");
    let text = fs::read_to_string(path).unwrap();
    let below = text.split_once(heading).unwrap_or_else(|| panic!("there is no {heading}")).1;
    let block =
        below.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("{heading} has no {language}")).1;
    block.split_once("```").expect("it ends").0.to_string()
}

fn yaml(text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).expect("it is YAML");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// With numbers for a test. Every number of `old` has to be there.
#[track_caller]
fn smaller(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} in {text}");
    text.replace(old, new)
}

/// A folder of a package to explore, without results of an earlier run.
fn folder(name: &str) -> PathBuf {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    let folder = PACKAGE.get_or_init(|| yard::own_package("machines")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

/// What one machine comes to.
fn alone(package: &Path, seeds: &str) -> Vec<Value> {
    let dir = results();
    let dir = dir.path().to_str().unwrap();
    raddle(package, &["explore", "--seeds", seeds, "--no-keep", "--message-format", "json", "--results", dir])
        .json("result")
}

/// What the folders of `results` in a folder come to, by the document's own words.
fn merged(package: &Path) -> Told {
    finish(&mut shell(package, "cargo raddle merge results/* --message-format json"))
}

#[test]
fn by_hand() {
    // Of its own, since seeds are kept there.
    let package = yard::own_package("by-hand");
    let _ = fs::remove_dir_all(package.join("results"));
    let text = smaller(&block("# Exploring on many machines", "sh"), "1_000_000", "600");
    let lines: Vec<&str> = text.lines().collect();
    let [explore, merge] = lines[..] else { panic!("two lines: {text}") };
    for k in 1..=8 {
        let line = explore.replace("3/8", &format!("{k}/8")).replace("results/3", &format!("results/{k}"));
        let told = finish(&mut shell(&package, &line));
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
    }
    finish(&mut shell(&package, merge)).ends(1).says(&["Finished "]);
}

#[test]
fn tests_by_nextest() {
    let is_there = std::process::Command::new("cargo").args(["nextest", "--version"]).output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT TESTED: tests spread by nextest. Install cargo-nextest.");
        return;
    }
    let package = yard::own_package("by-nextest");
    let text = smaller(&block("## Tests instead of seeds", "sh"), "2000", "8");
    let lines: Vec<&str> = text.lines().collect();
    let [archive, run] = lines[..] else { panic!("two lines: {text}") };
    finish(&mut shell(&package, archive)).ends(0);
    let mut all: Vec<String> = Vec::new();
    for k in 1..=2 {
        let line = smaller(run, "hash:3/8", &format!("hash:{k}/2 --no-fail-fast"));
        let told = finish(&mut shell(&package, &line));
        let result = |line: &str| {
            let line = line.trim_start();
            let is_one = ["PASS [", "FAIL ["].iter().any(|word| line.starts_with(word));
            is_one.then(|| line.split_whitespace().next_back().unwrap_or_default().to_string())
        };
        // What fails is told once more at the end.
        let told = told.err.split("Summary [").next().unwrap_or_default().to_string();
        let mut here: Vec<String> = told.lines().filter_map(result).collect();
        here.sort();
        here.dedup();
        all.extend(here);
    }
    all.sort();
    let wanted = ["an_ordinary_test", "deep::within", "expected", "expected_in_vain", "in_order", "lost_update"];
    assert_eq!(all, wanted, "each in one share, and none in both");
}

#[test]
fn a_ci_matrix() {
    let package = folder("ci-matrix");
    let workflow = yaml(&block("## A CI matrix", "yaml"));
    let runs = |job: &str| -> Vec<String> {
        let steps = workflow["jobs"][job]["steps"].as_vec().expect("it has steps");
        steps.iter().filter_map(|step| step["run"].as_str()).map(String::from).collect()
    };
    let [install, explore] = &runs("explore")[..] else { panic!("two commands in {workflow:?}") };
    assert_eq!(install, "cargo install --locked cargo-raddle");
    let explore = smaller(explore, "1_000_000", "600");
    let shards = workflow["jobs"]["explore"]["strategy"]["matrix"]["shard"].as_vec().expect("a list");
    let shards: Vec<i64> = shards.iter().filter_map(Yaml::as_i64).collect();
    assert_eq!(shards, (1..=8).collect::<Vec<_>>());
    assert!(explore.contains("}}/8 "), "as many as there are: {explore}");
    for k in shards {
        let line = smaller(&explore, "${{ matrix.shard }}", &k.to_string());
        let told = finish(shell(&package, &line).env("GITHUB_ACTIONS", "true"));
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
        if told.code == Some(1) {
            told.says(&["::error file=tests/it.rs,line="]);
        }
    }
    assert_eq!(workflow["jobs"]["merge"]["needs"].as_str(), Some("explore"));
    let merge = runs("merge").pop().expect("it merges");
    finish(&mut shell(&package, &merge)).ends(1).says(&["Finished "]);
    assert!(fs::read_to_string(package.join("raddle.xml")).unwrap().contains("<testsuite "));
    assert_eq!(merged(&package).json("result"), alone(&package, "600"));
    assert!(!package.join("../tests/seeds").exists(), "nothing is kept there");
}

#[test]
fn a_slurm_array() {
    let package = folder("slurm");
    let script = smaller(&block("## A Slurm array", "sh"), "--for 2h", "--for 3s");
    assert!(script.starts_with("#!/bin/sh\n#SBATCH --"), "{script}");
    // The kernel would run it by its first line, and Slurm reads the next ones.
    let is_ours = |line: &&str| !line.starts_with('#') && !line.is_empty();
    assert!(script.lines().skip_while(|line| line.starts_with('#')).all(|line| is_ours(&line)), "{script}");
    for k in 1..=3 {
        let mut job = shell(Path::new("/"), &script);
        job.env("SLURM_SUBMIT_DIR", &package).env("SLURM_ARRAY_TASK_ID", k.to_string());
        let told = finish(job.env("SLURM_ARRAY_TASK_COUNT", "3").env("SLURM_CPUS_PER_TASK", "1"));
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
    }
    let all = merged(&package).json("result");
    // A busy machine may not come to all of them in time.
    assert!((1..=5).contains(&all.len()), "{all:?}");
    // Somewhere else there is nothing to submit.
    finish(shell(Path::new("/"), &script).env("SLURM_SUBMIT_DIR", "/nowhere")).ends(3);
}

#[test]
fn a_kubernetes_job() {
    let package = folder("kubernetes");
    let job = yaml(&block("## A Kubernetes indexed Job", "yaml"));
    assert_eq!((job["kind"].as_str(), job["apiVersion"].as_str()), (Some("Job"), Some("batch/v1")));
    let spec = &job["spec"];
    let completions = spec["completions"].as_i64().expect("how many");
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    assert_eq!(spec["maxFailedIndexes"].as_i64(), Some(completions));
    let pod = &spec["template"]["spec"];
    let container = &pod["containers"][0];
    let command: Vec<&str> = container["command"].as_vec().unwrap().iter().filter_map(Yaml::as_str).collect();
    assert_eq!(command, ["/bin/sh", "-c"]);
    let mount = &container["volumeMounts"][0];
    assert_eq!(mount["name"], pod["volumes"][0]["name"], "what is mounted is there");
    let place = mount["mountPath"].as_str().unwrap();
    let script = container["args"][0].as_str().unwrap();
    assert!(script.contains(&format!("$shard/{completions}\"")), "{script}");
    let script = smaller(&smaller(script, "10_000_000", "600"), place, &package.join("results").display().to_string());
    // Three of the indexes have seeds at all: a share is dealt 256 at a time.
    for index in [0, 1, 2, completions - 1] {
        let told = finish(shell(&package, &script).env("JOB_COMPLETION_INDEX", index.to_string()));
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
    }
    assert_eq!(merged(&package).json("result"), alone(&package, "600"));
}
