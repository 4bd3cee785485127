//! The workspace that the command is tried on: written out as files, and built once for all tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const BANK_LIB: &str = r#"#![forbid(unsafe_code)]
//! A package with scenarios among its unit tests and among its integration tests.

#[cfg(test)]
mod tests {
    #[raddle::test(strategy = "fifo", seeds = 5)]
    async fn ledger() {
        raddle::yield_now().await;
    }
}
"#;

const BANK_IT: &str = r#"#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// Two that read, give way and write: in some orders an update is lost.
async fn count_to_two() -> u32 {
    let counter = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = ["one", "two"]
        .map(|name| {
            let counter = counter.clone();
            raddle::task(name).spawn(async move {
                for _ in 0..name.len() {
                    raddle::yield_now().await;
                }
                let read = counter.load(SeqCst);
                if read == 0 && raddle::rng().below(16) > 0 {
                    return counter.store(read + 1, SeqCst);
                }
                raddle::yield_now().await;
                counter.store(read + 1, SeqCst);
            })
        })
        .into_iter()
        .collect();
    for task in tasks {
        task.await;
    }
    counter.load(SeqCst)
}

#[raddle::test]
async fn lost_update() {
    assert_eq!(count_to_two().await, 2, "an update was lost");
}

#[raddle::test(strategy = "fifo")]
async fn in_order() -> Result<u32, String> {
    Ok(raddle::spawn(async { 7 }).await)
}

#[raddle::test(strategy = "fifo")]
#[should_panic(expected = "as it should")]
async fn expected() {
    panic!("as it should");
}

#[raddle::test]
#[should_panic(expected = "never")]
async fn expected_in_vain() {}

#[raddle::test]
#[ignore = "takes long"]
async fn ignored() {}

#[test]
fn an_ordinary_test() {
    panic!("nobody is to run this one");
}

mod deep {
    #[raddle::test(strategy = "pct:2", seeds = 64)]
    async fn within() {
        let tasks = [1, 2, 3].map(|n| {
            raddle::spawn(async move {
                for _ in 0..n {
                    raddle::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await;
        }
    }
}
"#;

const TILL: &str = r#"#![forbid(unsafe_code)]
#[cfg(test)]
#[raddle::test(strategy = "fifo")]
async fn same() {
    raddle::yield_now().await;
}
"#;

const VICTIMS: &str = r#"//! Tests that take their process with them, each at some of its seeds.

fn is_due() -> bool {
    raddle::rng().below(16) == 7
}

#[raddle::test(watchdog = "1s")]
async fn hangs() {
    if is_due() {
        loop {
            std::hint::spin_loop();
        }
    }
}

#[raddle::test(watchdog = "0s")]
async fn hangs_unwatched() {
    if is_due() {
        loop {
            std::hint::spin_loop();
        }
    }
}

#[raddle::test]
async fn aborts() {
    if is_due() {
        std::process::abort();
    }
}

#[raddle::test]
async fn exits() {
    if is_due() {
        std::process::exit(0);
    }
}

#[raddle::test]
async fn overflows() {
    fn deeper(n: u64) -> u64 {
        let room = std::hint::black_box([n; 512]);
        if n == u64::MAX { 0 } else { deeper(n + 1) + room[7] }
    }
    if is_due() {
        std::hint::black_box(deeper(0));
    }
}

#[raddle::test(blocking_is_fine)]
async fn is_killed() {
    if is_due() {
        raddle::unblock(|| {
            let id = std::process::id().to_string();
            std::process::Command::new("kill").args(["-9", &id]).status().unwrap();
        })
        .await;
    }
}

#[raddle::test(isolation = "process")]
async fn aborts_apart() {
    if is_due() {
        let tasks = ["one", "two"].map(|name| raddle::task(name).spawn(async {}));
        for task in tasks {
            task.await;
        }
        std::process::abort();
    }
}

/// Prints what looks like the protocol.
#[raddle::test(strategy = "fifo")]
async fn chatters() {
    // What asks for nothing of its seed is run once.
    raddle::choose(2);
    println!("{{\"type\":\"explored\",\"runs\":1}}");
    print!("and no end of line");
    eprintln!("and this");
}
"#;

const STEADY: &str = r#"//! Much to do, and one failure somewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

async fn churn(tasks: u32, yields: u32) {
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            raddle::spawn(async move {
                for _ in 0..yields {
                    raddle::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
}

#[raddle::test]
async fn a_needle() {
    churn(3, 2).await;
    assert_ne!(raddle::rng().below(500), 3, "found it");
}

#[raddle::test]
async fn two_needles() {
    churn(2, 2).await;
    let drawn = raddle::rng().below(200);
    assert_ne!(drawn, 3, "the first");
    assert_ne!(drawn, 4, "another one");
}

#[raddle::test]
async fn hay() {
    churn(4, 3).await;
}

/// Fails where the second gets through first.
#[raddle::test]
async fn overtaken() {
    let first = Arc::new(AtomicU32::new(0));
    let runners = [1, 2].map(|n| {
        let first = first.clone();
        raddle::task("runner").spawn(async move {
            raddle::yield_now().await;
            let _ = first.compare_exchange(0, n, SeqCst, SeqCst);
        })
    });
    for runner in runners {
        runner.await;
    }
    assert_eq!(first.load(SeqCst), 1, "overtaken");
}
"#;

const WORKERS: &str = r#"//! Something to draw.

use std::time::Duration;

#[raddle::test]
async fn leaks() {
    let job = raddle::task("scale").unblock(|| raddle::thread::sleep(Duration::from_millis(2)));
    let ticker = raddle::task("ticker").spawn(async {
        for n in 0..3 {
            raddle::sleep(Duration::from_millis(1)).await;
            raddle::note!("tick {n} <b>&amp;</b></script>");
        }
    });
    let other = raddle::task("other").spawn(async {
        raddle::yield_now().await;
        std::thread::sleep(Duration::from_millis(3));
    });
    job.await;
    ticker.await;
    other.await;
}

#[raddle::test]
async fn long() {
    let tasks = [(); 8].map(|()| {
        raddle::spawn(async {
            for _ in 0..1_300 {
                raddle::yield_now().await;
            }
        })
    });
    for task in tasks {
        task.await;
    }
}
"#;

/// Where projects are, and what they are built into: the same in every run of the tests, so that little is built anew.
pub fn place() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub fn raddle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the crate is in its repository")
}

/// The workspace.
pub fn yard() -> &'static Path {
    static YARD: OnceLock<PathBuf> = OnceLock::new();
    YARD.get_or_init(write_yard)
}

/// A package of its own, for tests that write beside its sources. (Its name is its own, too: two of one name in one
/// target directory would get each other's binaries.)
pub fn own_package(name: &str) -> PathBuf {
    let root = place().join(name);
    let seeds = root.join("tests/seeds");
    if seeds.is_symlink() {
        fs::remove_file(&seeds).expect("what an earlier run left can be removed");
    } else if seeds.exists() {
        fs::remove_dir_all(&seeds).expect("what an earlier run kept can be removed");
    }
    write(&root.join("Cargo.toml"), &(manifest(name) + "\n[workspace]\n"));
    write(&root.join("src/lib.rs"), "");
    write(&root.join("tests/it.rs"), BANK_IT);
    lock(&root);
    fetch(&root);
    root
}

fn manifest(name: &str) -> String {
    let raddle = format!("raddle = {{ path = {:?}, default-features = false }}", raddle());
    let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    format!("{package}\n[dev-dependencies]\n{raddle}\n")
}

/// The repository's versions: nothing has to be looked up.
fn lock(root: &Path) {
    let lock = root.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(raddle().join("Cargo.lock"), lock).expect("the repository has its Cargo.lock");
    }
}

/// Downloads what a project depends on, unless it is here. The tests build without the network, and where nothing but this
/// crate has been built, some of it is missing.
pub fn fetch(root: &Path) {
    static HOST: OnceLock<Option<String>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let told = Command::new("rustc").arg("-vV").output().ok()?;
        let told = String::from_utf8(told.stdout).ok()?;
        Some(told.lines().find_map(|line| line.strip_prefix("host: "))?.to_string())
    });
    let fetch = |words: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(["fetch", "--quiet"]).args(words).current_dir(root);
        // What is for other systems may stay where it is.
        command.args(host.iter().flat_map(|host| ["--target", host])).output()
    };
    let is_here = |words: &[&str]| fetch(words).is_ok_and(|output| output.status.success());
    if !is_here(&["--offline"]) && !is_here(&[]) {
        eprintln!("{} cannot be given what it depends on: is there a network?", root.display());
    }
}

fn write_yard() -> PathBuf {
    let root = place().join("yard");
    let files = [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"bank\", \"till\", \"odd\"]\n".to_string()),
        ("bank/Cargo.toml", manifest("bank")),
        ("bank/src/lib.rs", BANK_LIB.into()),
        ("bank/tests/it.rs", BANK_IT.into()),
        ("till/Cargo.toml", manifest("till")),
        ("till/src/lib.rs", TILL.into()),
        ("till/src/main.rs", format!("{TILL}\nfn main() {{}}\n")),
        ("odd/Cargo.toml", manifest("odd")),
        ("odd/src/lib.rs", String::new()),
        ("odd/tests/victims.rs", VICTIMS.replace("(blocking_is_fine)", "")),
        ("odd/tests/steady.rs", STEADY.into()),
        ("odd/tests/workers.rs", WORKERS.into()),
    ];
    files.iter().for_each(|(path, text)| write(&root.join(path), text));
    lock(&root);
    fetch(&root);
    root
}

/// A project of one package with no dependencies.
pub fn bare(name: &str, lib: &str) -> PathBuf {
    let root = place().join(name);
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n");
    write(&root.join("Cargo.toml"), &manifest);
    write(&root.join("src/lib.rs"), lib);
    root
}

/// Writes a file, unless it is as it should be: cargo builds anew what was written anew.
pub fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}
