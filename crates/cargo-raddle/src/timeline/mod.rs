//! `cargo raddle timeline`: one run as a page that needs nothing but a browser, or for ui.perfetto.dev.

mod page;
mod perfetto;

use crate::cli::{self, Global, Which};
use crate::error::{Error, Result};
use crate::one::{One, Output, View};
use crate::shell::Shell;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Enough to minimise anything that is worth drawing.
const RERUNS: u64 = 2000;

pub fn run(options: &cli::Timeline, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let which = &options.one.which;
    let mut one = One::open(&options.one.scenario, &options.one.how, global, Output::Dropped)?;
    let shrink = if options.minimised { RERUNS } else { 0 };
    let looked = one.look_whole(which, View { shrink, minimised: options.minimised })?;
    let name = &one.scenario.name;
    let (text, path) = match &options.perfetto {
        Some(path) => (perfetto::trace(name, &looked), path.clone()),
        None => {
            let path = options.output.clone().unwrap_or_else(|| file_name(name, which));
            (page::page(name, &looked), path)
        }
    };
    write(&path, &text)?;
    shell.status("Drew", &format!("{} events of {name} at {which}", looked.run.events.len()));
    shell.say(&path.display().to_string());
    let fields = json!({ "scenario": name, "seed": which.seed(), "file": path, "events": looked.run.events.len() });
    shell.json("timeline", fields);
    Ok(0)
}

fn file_name(name: &str, which: &Which) -> PathBuf {
    let name = name.replace("::", ".").replace('/', ".");
    match which {
        Which::Seed(seed) => format!("{name}-{seed}.html").into(),
        Which::Schedule(_, seed) => format!("{name}-{seed}-schedule.html").into(),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| Error::internal(format!("{}: {error}", path.display())))
}
