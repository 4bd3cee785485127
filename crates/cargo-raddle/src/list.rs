//! `cargo raddle list`.

use crate::cli::{self, Global};
use crate::error::Result;
use crate::seedfile::{self, Kept};
use crate::shell::{Shell, count};
use crate::{cargo, scenario};
use comfy_table::{Table, presets};
use serde_json::json;

pub fn run(options: &cli::List, global: &Global) -> Result<u8> {
    let shell = Shell::new(global);
    let built = cargo::build(&options.build, global)?;
    let mut filter = options.filter.clone();
    filter.include_ignored = true;
    let scenarios = scenario::choose(scenario::find(&built.binaries)?, &filter)?;
    if scenarios.is_empty() {
        shell.warn("no test here has #[raddle::test]");
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING.into());
    table.set_header(["scenario", "place", "strategy", "seeds", "kept"]);
    for one in &scenarios {
        let kept: Vec<Kept> = seedfile::of(one)?;
        let strategy = one.setting("strategy").unwrap_or("default");
        let seeds = match (one.setting("seeds"), one.setting("seed")) {
            (Some(seeds), _) => seeds,
            (None, Some(_)) => "1",
            (None, None) => "default",
        };
        let flags = [(one.is_ignored, " (ignored)"), (one.should_fail, " (should fail)")];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, text)| *text).collect();
        let shown: Vec<String> = kept.iter().map(|kept| kept.seed.to_string()).collect();
        table.add_row([format!("{}{flags}", one.name), one.place(), strategy.into(), seeds.into(), shown.join(" ")]);
        shell.json(
            "scenario",
            json!({
                "scenario": one.name, "package": one.binary.package, "target": one.binary.target,
                "kind": one.binary.kind, "test": one.path, "file": one.file, "line": one.line,
                "strategy": one.setting("strategy"), "settings": one.settings, "ignored": one.is_ignored,
                "should_fail": one.should_fail,
                "kept": kept.iter().map(|k| json!({ "seed": k.seed, "strategy": k.strategy, "note": k.note }))
                    .collect::<Vec<_>>(),
            }),
        );
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_string()).collect();
    shell.say(&lines.join("\n"));
    shell.status("Listed", &count(scenarios.len() as u64, "scenario"));
    Ok(0)
}
