//! What a run does is its own, whatever other threads of its process do meanwhile: the same digest with nobody beside it and
//! beside threads that do the same thing all the time. A table of things that code does, most of which take locks that a
//! process has one of, in std, in libc, and in crates; each is tried in a process of its own. With `--apart` each run is in a process
//! as well, that is forked while the others hold what they hold. And with `--first` nobody is beside it, but it is the first run of
//! its process: it comes to what those after it do, whatever is made once, and kept.
//!
//! Only where the kernel boundary is on: elsewhere what they do is not seen.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
compile_error!("what these things do is seen on Linux x86-64 with glibc only");

mod args;
mod of_crates;
mod of_libc;
mod of_smol;
mod of_std;
mod trial;

use args::Args;
use std::process::ExitCode;

/// What is done, by its name. It brings what it needs, so that it can be done anywhere, by several at a time.
type Thing = (&'static str, fn());

/// A path that nobody else has, in this process and others, in a run and out of it.
fn own_path() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let own = format!("raddle-beside-{:08}-{:010}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(own)
}

fn main() -> ExitCode {
    let args = match args::read() {
        Ok(args) => args,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    match args {
        Args::Help => print!("{}", args::HELP),
        Args::List => trial::all().iter().for_each(|trial| println!("{}", trial.name())),
        Args::Child { trial, how, to } => trial::named(&trial).expect("it is one of the list").be(&how, &to),
        Args::Try { filter, how } => return trial::try_all(&filter, &how),
    }
    ExitCode::SUCCESS
}
