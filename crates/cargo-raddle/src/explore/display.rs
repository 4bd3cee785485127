//! The live display: a bar where there is a terminal, a line now and then where there is none.

use super::board::Board;
use crate::cli;
use crate::interrupt;
use crate::shell::{Shell, count, grouped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);
/// Over how long a speed is measured.
const WINDOW: Duration = Duration::from_secs(2);

pub struct Display<'a> {
    shell: &'a Shell,
    bar: Option<ProgressBar>,
    begun: Instant,
    time: Option<Duration>,
    last_line: Instant,
    /// When, seeds and interleavings then.
    before: (Instant, u64, u64),
    speed: (f64, f64),
}

impl Display<'_> {
    pub fn new<'a>(shell: &'a Shell, options: &cli::Explore) -> Display<'a> {
        let has_bar = !shell.quiet && std::io::stderr().is_terminal();
        let bar = has_bar.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            // A template that is fixed cannot fail to be read.
            if let Ok(style) = ProgressStyle::with_template("{spinner:.green} {elapsed:>4} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Display { shell, bar, begun: now, time: options.time, last_line: now, before: (now, 0, 0), speed: (0.0, 0.0) }
    }

    /// Prints above the bar.
    pub fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub fn update(&mut self, board: &Board) {
        let runs: u64 = board.slots.iter().map(|slot| slot.tally.runs).sum();
        let orders: u64 = board.slots.iter().map(|slot| slot.tally.interleavings()).sum();
        let now = Instant::now();
        let since = now.duration_since(self.before.0);
        if since >= WINDOW || self.speed == (0.0, 0.0) && since > Duration::ZERO {
            let a_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / since.as_secs_f64();
            self.speed = (a_second(runs, self.before.1), a_second(orders, self.before.2));
            if since >= WINDOW {
                self.before = (now, runs, orders);
            }
        }
        if self.bar.is_none() && now.duration_since(self.last_line) < LINE {
            return;
        }
        let found: usize = board.slots.iter().map(|slot| slot.tally.failures.len()).sum();
        let done = board.slots.iter().filter(|slot| slot.tally.is_over || slot.dealer.left() == 0).count();
        let all = board.slots.len();
        let time = self
            .time
            .map_or(String::new(), |time| format!("{} s to go, ", time.saturating_sub(self.begun.elapsed()).as_secs()));
        let stopping = if interrupt::is_set() { "stopping, " } else { "" };
        let text = format!(
            "{stopping}{}, {time}{done} of {all} scenarios, {} ({}/s), {} ({} new/s)",
            // What a narrow terminal has no room for is at the end.
            count(found as u64, "finding"),
            count(runs, "seed"),
            grouped(self.speed.0 as u64),
            count(orders, "interleaving"),
            grouped(self.speed.1 as u64),
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None => {
                self.last_line = now;
                self.shell.status("Exploring", &text);
                let fields = json!({
                    "scenarios": all, "done": done, "seeds": runs, "interleavings": orders, "findings": found,
                });
                self.shell.json("progress", fields);
            }
        }
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
