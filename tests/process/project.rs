//! `#[raddle::test]`, in a project of its own.

use crate::common::{self, Told, in_order, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TESTS: &str = r#"
use std::sync::{Arc, Mutex};

async fn order() -> Vec<u32> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..3).map(|n| {
        let order = order.clone();
        raddle::spawn(async move { order.lock().unwrap().push(n) })
    }).collect();
    for task in tasks { task.await }
    let order = order.lock().unwrap().clone();
    order
}

#[raddle::test]
async fn the_last_comes_first() {
    assert_ne!(order().await, [2, 1, 0], "turned round");
}

#[raddle::test]
#[should_panic(expected = "turned round")]
async fn expected_to_fail() {
    assert_ne!(order().await, [2, 1, 0], "turned round");
}

#[raddle::test(seeds = 3)]
async fn passes() {
    println!("one run");
    order().await;
}

#[raddle::test]
async fn fails_in_plain_order() {
    assert_ne!(order().await, [0, 1, 2], "not yet written");
}

#[raddle::test(check)]
async fn diverges() {
    static NTH: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    if NTH.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 10 {
        raddle::yield_now().await;
    }
}

#[raddle::test]
async fn diverges_at_once() {
    static NTH: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    if NTH.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 == 1 {
        raddle::yield_now().await;
    }
}

#[raddle::test(seeds = 2)]
async fn allows_in_vain() {
    raddle::allow_blocking("a reason", || 7);
}

#[raddle::test(seed = 7, watchdog = "1s", regressions = false)]
async fn spins() {
    if std::env::var_os("SPIN").is_some() {
        loop { std::hint::spin_loop() }
    }
}

#[raddle::test(seeds = 3, snapshot)]
async fn recorded() {
    order().await;
    if std::env::var_os("OTHERWISE").is_some() {
        raddle::yield_now().await;
    }
}

#[raddle::test(seeds = 1, regressions = false)]
async fn aborts() {
    if std::env::var_os("ABORT").is_some() {
        std::process::abort()
    }
}
"#;

/// A small project with this one as its dependency, its tests built once.
struct Project {
    folder: PathBuf,
    binary: PathBuf,
}

impl Project {
    fn new() -> Project {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("raddle-project");
        let raddle = env!("CARGO_MANIFEST_DIR");
        // What is there already and the same stays as it is, so that cargo has nothing to build a second time.
        for written in ["tests/seeds", "snapshots"].map(|written| folder.join(written)) {
            let _ = fs::remove_dir_all(&written).or_else(|_| fs::remove_file(&written));
        }
        fs::create_dir_all(folder.join("tests")).unwrap();
        fs::create_dir_all(folder.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"bank\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
             [dev-dependencies]\nraddle = {{ path = {raddle:?} }}\n"
        );
        let lock = fs::read_to_string(Path::new(raddle).join("Cargo.lock")).unwrap();
        let files =
            [("Cargo.toml", &*manifest), ("src/lib.rs", ""), ("tests/transfers.rs", TESTS), ("given.lock", &lock)];
        for (file, text) in files {
            if fs::read_to_string(folder.join(file)).ok().as_deref() != Some(text) {
                fs::write(folder.join(file), text).unwrap();
                fs::write(folder.join("Cargo.lock"), &lock).unwrap();
            }
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline", "--no-run", "--quiet", "--message-format=json", "--test", "transfers"]);
        // The folder that raddle itself was built in, so that most is there already.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        cargo.current_dir(&folder).env("CARGO_TARGET_DIR", target);
        let told = run(&mut cargo);
        let executable = told.out.lines().rev().find_map(|line| line.split("\"executable\":\"").nth(1));
        let binary = executable.unwrap_or_else(|| panic!("{told:?}")).split('"').next().unwrap().into();
        Project { folder, binary }
    }

    /// Runs the test `name`, as cargo would.
    fn test(&self, name: &str, variables: &[(&str, &str)]) -> Told {
        let mut command = common::program(&self.binary);
        command.args([name, "--exact", "--nocapture", "--test-threads=1"]).current_dir(&self.folder);
        run(command.envs(variables.iter().copied()))
    }

    fn seed_file(&self) -> PathBuf {
        self.folder.join("tests/seeds/transfers.txt")
    }

    fn seeds(&self) -> Option<String> {
        fs::read_to_string(self.seed_file()).ok()
    }
}

/// The failure as the test told it, from its headline to its last line.
fn failure(told: &Told) -> String {
    let all = told.all();
    let start = all.find("the_last_comes_first failed: ").unwrap_or_else(|| panic!("{told:?}"));
    let end = all[start..].find("\n  replay: ").map(|at| start + at + 1).unwrap();
    let line_end = all[end..].find('\n').map_or(all.len(), |at| end + at);
    all[start..line_end].to_string()
}

/// One test, since it needs the project built, and goes through one story of its seed file.
#[test]
fn a_test_that_fails_and_is_replayed() {
    let project = Project::new();

    // It fails, tells how to repeat that, and writes the seed down.
    let told = project.test("the_last_comes_first", &[]);
    assert_eq!(told.code, Some(101), "{told:?}");
    let first = failure(&told);
    in_order(
        &first,
        &[
            "panicked at tests/transfers.rs:",
            "turned round",
            "seed 0x",
            "of 256 seeds tried",
            "minimised: ",
            "interleaving",
            "kept: tests/seeds/transfers.txt (this seed runs first from now on",
            "replay: RADDLE_SEED=0x",
        ],
    );
    let replay = first.lines().last().unwrap().trim_start().strip_prefix("replay: ").unwrap();
    // What a panic has behind its message is not there.
    let told = project.test("the_last_comes_first", &[("RUST_BACKTRACE", "1"), ("RADDLE_REGRESSIONS", "off")]);
    assert!(told.err.contains("thread 'the_last_comes_first' panicked at tests/transfers.rs:"), "{told:?}");
    assert!(!told.err.contains("stack backtrace:") && !told.err.contains("note: "), "{told:?}");
    let (seed, cargo) = replay.split_once(' ').unwrap();
    assert_eq!(cargo, "cargo test -p bank --test transfers -- --exact the_last_comes_first");
    let seed = seed.strip_prefix("RADDLE_SEED=").unwrap();
    let written = project.seeds().expect("a seed file");
    assert!(
        written.lines().all(|line| line.starts_with('#')
            || line.starts_with(&format!("the_last_comes_first {seed} ")) && line.contains(" # panicked at ")),
        "{written}"
    );

    // The printed line leads to the same failure, says the seed first, and writes nothing.
    let told = project.test("the_last_comes_first", &[("RADDLE_SEED", seed)]);
    in_order(
        &told.err,
        &[
            &format!("the_last_comes_first runs with seed {seed} (from the environment)"),
            "the_last_comes_first failed: ",
        ],
    );
    let shape = |text: &str| -> Vec<String> {
        // What depends on how many seeds were tried.
        let others = ["seed 0x", "covered: ", "kept: ", "replay: "];
        text.lines().filter(|line| !others.iter().any(|other| line.contains(other))).map(String::from).collect()
    };
    assert_eq!(shape(&failure(&told)), shape(&first));
    assert_eq!(project.seeds().as_deref(), Some(&*written));

    // The next run has it first.
    let told = project.test("the_last_comes_first", &[]);
    let again = failure(&told);
    assert_eq!(shape(&again), shape(&first));
    assert!(!again.contains("seeds tried") && again.contains(&format!("seed {seed}")), "{again}");
    assert_eq!(project.seeds().as_deref(), Some(&*written), "it is there already");

    // Other tests of the file do not mind; one that should panic writes nothing. What passes says what was tried.
    let told = project.test("passes", &[]);
    assert_eq!(told.out.matches("one run").count(), 4, "three seeds, the first of them twice");
    in_order(&told.out, &["raddle: passes: strategy portfolio: nothing was found\n  3 runs, ", "test result: ok"]);
    assert!(!told.err.contains("passed"), "{told:?}");
    in_order(
        &project.test("allows_in_vain", &[]).err,
        &["allows_in_vain passed, but nothing needs the allowance \"a reason\" at "],
    );
    fs::remove_dir_all(project.folder.join("tests/seeds")).unwrap();
    assert_eq!(project.test("expected_to_fail", &[]).code, Some(0));
    assert_eq!(project.seeds(), None, "a failure that is expected is not kept");

    // Plain order is run first in any case, and a divergence takes two runs to be seen.
    const TWICE: &str = "replay: RADDLE_CHECK=all RADDLE_SEED=0x";
    let told_at = [
        ("fails_in_plain_order", "not yet written", "replay: RADDLE_SEED=0x"),
        ("diverges", "divergence: ", TWICE),
        ("diverges_at_once", "divergence: ", TWICE),
    ];
    for (test, finding, replay) in told_at {
        let told = project.test(test, &[]);
        in_order(&told.err, &[finding, replay]);
        // No seed repeats what only a process of many runs shows.
        if test != "diverges" {
            let line = told.err.lines().find_map(|line| line.trim_start().strip_prefix("replay: ")).unwrap();
            let variables: Vec<_> = line.split(' ').map_while(|word| word.split_once('=')).collect();
            in_order(&project.test(test, &variables).err, &[finding, line]);
        }
        assert!(!told.err.contains("kept: "), "{told:?}");
        assert_eq!(project.seeds(), None);
    }
    in_order(
        &project.test("fails_in_plain_order", &[("RADDLE_STRATEGY", "fifo")]).err,
        &["kept: tests/seeds/transfers"],
    );
    fs::remove_dir_all(project.folder.join("tests/seeds")).unwrap();

    // Off and read.
    assert_eq!(project.test("the_last_comes_first", &[("RADDLE_REGRESSIONS", "read")]).code, Some(101));
    assert_eq!(project.test("the_last_comes_first", &[("RADDLE_REGRESSIONS", "off")]).code, Some(101));
    assert_eq!(project.seeds(), None);

    // A damaged file is told of, line and all, and left as it is.
    let damaged = "# mine\npasses 0x1 random\nthe_last_comes_first seventeen random\n";
    fs::create_dir_all(project.folder.join("tests/seeds")).unwrap();
    fs::write(project.seed_file(), damaged).unwrap();
    for test in ["the_last_comes_first", "passes"] {
        let told = project.test(test, &[]);
        assert_eq!(told.code, Some(101));
        in_order(
            &told.err,
            &[
                "line 3 of seed file ",
                "tests/seeds/transfers.txt",
                "the_last_comes_first seventeen random",
                "expected `TEST SEED STRATEGY # comment`",
                "left as it is",
            ],
        );
        assert_eq!(project.seeds().as_deref(), Some(damaged));
    }
    assert_eq!(project.test("passes", &[("RADDLE_REGRESSIONS", "off")]).code, Some(0));
    fs::write(project.seed_file(), "<<<<<<< HEAD\npasses 0x1 random\n=======\n").unwrap();
    let wanted = ["line 1 of seed file ", "\"<<<<<<< HEAD\"", "keep the lines of both sides", "merge=union"];
    in_order(&project.test("passes", &[]).err, &wanted);

    // Nor is one that cannot be read at all.
    let seeds = project.folder.join("tests/seeds");
    fs::remove_dir_all(&seeds).unwrap();
    fs::write(&seeds, "not a folder").unwrap();
    in_order(
        &project.test("passes", &[]).err,
        &["passes: seed file ", "expected a readable text file; it was left as it is"],
    );
    fs::remove_file(&seeds).unwrap();

    // Where nothing can be written the failure is told all the same. (Not by permissions, which root does not heed.)
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/no/such/folder", &seeds).unwrap();
        let told = project.test("the_last_comes_first", &[]);
        in_order(&failure(&told), &["turned round", "minimised: ", "not kept: ", "replay: RADDLE_SEED=0x"]);
        fs::remove_file(&seeds).unwrap();
    }

    // Bad values fail the test in one line.
    for variable in raddle::__private::TABLE {
        let told = project.test("passes", &[(variable.name, "nonsense")]);
        assert_eq!(told.code, Some(101), "{}", variable.name);
        in_order(&told.err, &[&format!("passes: {} \"nonsense\": expected ", variable.name)]);
        assert_eq!(told.out.matches("one run").count(), 0);
    }

    let told = project.test("passes", &[("RADDLE_SEDS", "10")]);
    assert_eq!(told.code, Some(101), "a name that is none would change nothing, and nobody would see that: {told:?}");
    in_order(
        &told.err,
        &["passes: environment variable \"RADDLE_SEDS\": expected RADDLE_SEEDS (every name that begins"],
    );

    // The other variables do what the table says.
    let runs = |variables: &[(&str, &str)]| project.test("passes", variables).out.matches("one run").count();
    assert_eq!(runs(&[("RADDLE_SEEDS", "10")]), 11);
    assert_eq!(runs(&[("RADDLE_CHECK", "off")]), 3);
    assert_eq!(runs(&[("RADDLE_CHECK", "all")]), 6);
    let random = ("RADDLE_STRATEGY", "random");
    assert_eq!(runs(&[("RADDLE_SEED", "4"), random]), 1, "a seed whose strategy measures nothing");
    assert_eq!(runs(&[("RADDLE_SEED", "0")]), 2, "one for which a run is made to measure");
    let five = [("RADDLE_SEED", "1"), ("RADDLE_SEEDS", "5"), ("RADDLE_CHECK", "off"), ("RADDLE_STRATEGY", "random")];
    assert_eq!(runs(&five), 5);
    project.test("passes", &[("RADDLE_SEED", "random")]).says(&["test result: ok", "passes runs with seed 0x"]);
    project
        .test("passes", &[("RADDLE_MAX_STEPS", "2")])
        .says(&["passes failed: livelock: still running after 2 steps"]);

    // A schedule is played, and one that is of other code says why it does not fit.
    let schedule = first.lines().find_map(|line| line.strip_prefix("  schedule: ")).expect("the failure has told it");
    let told = project.test("the_last_comes_first", &[("RADDLE_SCHEDULE", schedule)]);
    let replay = format!("replay: RADDLE_SCHEDULE={schedule} cargo test -p bank --test transfers");
    in_order(&told.err, &["the_last_comes_first plays schedule v1,seed=0x", "turned round", &replay]);
    let edited = format!("{schedule},99@0/1@0");
    let told = project.test("the_last_comes_first", &[("RADDLE_SCHEDULE", &edited)]);
    in_order(&told.err, &["this schedule is of other code:", "99@0/1@0 does not fit: there is no task 99", "anyway"]);
    let told = project.test("the_last_comes_first", &[("RADDLE_SCHEDULE", &format!("{edited},anyway"))]);
    in_order(&told.err, &["played without what does not fit:", "there is no task 99", "turned round"]);

    let fifo = project.test("the_last_comes_first", &[("RADDLE_STRATEGY", "fifo")]);
    assert_eq!(fifo.code, Some(0), "{fifo:?}");
    let whole =
        [("RADDLE_TRACE", "1"), ("RADDLE_SHRINK", "0"), ("RADDLE_REGRESSIONS", "off"), ("RADDLE_STRATEGY", "pct:3")];
    let told = project.test("the_last_comes_first", &whole);
    assert!(!told.err.contains("minimised"), "{told:?}");
    in_order(
        &told.err,
        &[
            "strategy pct:3@",
            "the failing run itself, all of it:",
            "replay: RADDLE_SEED=0x",
            "RADDLE_STRATEGY=pct:3 cargo test",
        ],
    );

    // What ends the process leaves the seed.
    let told = project.test("aborts", &[("ABORT", "1"), ("RADDLE_SEED", "0x2f")]);
    assert_eq!(told.code, None, "{told:?}");
    in_order(&told.err, &["raddle: aborts runs with seed 0x2f (from the environment)"]);
    let told = project.test("spins", &[("SPIN", "1")]);
    assert_eq!(told.code, Some(101), "{told:?}");
    in_order(
        &told.err,
        &[
            "spins failed: a poll that does not come back: scenario",
            // It is the first of the runs made to measure that spins.
            "seed 0x0",
            "stack:",
            // Its name is not known where debug information is line tables only.
            "    transfers::",
            "tests/transfers.rs:",
            "replay: RADDLE_SEED=0x0 RADDLE_STRATEGY=fifo cargo test -p bank --test transfers -- --exact spins",
        ],
    );

    a_snapshot_that_differs(&project);
}

/// The second part of the story: what was recorded of one run, in the project that `a_test_that_fails_and_is_replayed` has
/// built.
fn a_snapshot_that_differs(project: &Project) {
    let never = project.test("recorded", &[("INSTA_UPDATE", "no")]);
    assert_eq!(never.code, Some(101), "{never:?}");
    let seed = never.err.split("raddle: seed ").nth(1).expect("it tells of the seed").split(' ').next().unwrap();
    let accept = "  accept: cargo insta review\n";
    let replay = format!(
        "  replay: RADDLE_TRACE=1 RADDLE_SEED={seed} cargo test -p bank --test transfers -- --exact recorded\n"
    );
    let file = format!("snapshots/recorded@{seed}.snap");
    in_order(&never.err, &["snapshot assertion for ", &format!("of recorded is not in {file} yet\n"), accept, &replay]);

    assert_eq!(project.test("recorded", &[("INSTA_UPDATE", "always")]).code, Some(0));
    let same = project.test("recorded", &[("INSTA_UPDATE", "no")]);
    assert!(same.code == Some(0) && !same.err.contains("replay: "), "{same:?}");
    let other = project.test("recorded", &[("INSTA_UPDATE", "no"), ("OTHERWISE", "1")]);
    assert_eq!(other.code, Some(101), "{other:?}");
    let wanted = format!("does not go the way that {file} has recorded\n");
    in_order(&other.err, &["snapshot assertion for ", &wanted, accept, &replay]);

    // The line shows the run, although it does not fail.
    let shown = project.test("recorded", &[("RADDLE_TRACE", "1"), ("RADDLE_SEED", seed)]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let lanes = |text: &str| -> Vec<String> {
        let what = |line: &str| line.rsplit("  ").next().unwrap_or_default().trim_start_matches("* ").to_string();
        text.lines().filter(|line| [": pending", ": done"].iter().any(|end| line.contains(end))).map(what).collect()
    };
    let recorded = fs::read_to_string(project.folder.join(&file)).unwrap();
    let told = shown.err.split(&format!("raddle: recorded, all of seed {seed}:\n")).nth(1).expect("it is told");
    assert_eq!(lanes(told), lanes(&recorded));
    assert!(!lanes(told).is_empty());
}
