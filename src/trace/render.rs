//! A trace as text: one event a line, a lane for the loop and one for each worker.

use super::event::{Actor, ActorKind, Event, PollEnd, Source, What};
use super::log::Trace;
use crate::instant::Instant;

/// How wide a trace is at most that is read in a terminal, where the lanes of many threads would not fit.
pub(crate) const MOST_COLUMNS: usize = 132;

/// How many lines a whole run has at most that is read there, unless all of them are asked for.
const MOST_ROWS: usize = 200;

/// How a trace is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Show step numbers. A snapshot leaves them out: they shift with every await that is added elsewhere.
    pub steps: bool,
    /// At most about so many lines. Where there are more, many that are alike are told by the first and the last of them,
    /// and then those are left out that are farthest from the beginning, the end, and any deviation.
    pub most_lines: usize,
    /// Where lanes side by side would be wider than that, all threads share one, and each line in it says whose it is.
    pub most_columns: usize,
}

/// A line in the making.
struct Line {
    step: u64,
    at: Instant,
    lane: usize,
    text: String,
    /// The task it is a poll of, how that ended, and how many such polls in a row it stands for.
    poll: Option<(u32, PollEnd, u32)>,
    deviates: bool,
    /// It stands for lines that are left out.
    is_gap: bool,
}

impl Line {
    /// A line that says that others are left out between two of this one's lane.
    fn gap(&self, text: String) -> Line {
        Line { text, poll: None, deviates: false, is_gap: true, lane: 0, ..*self }
    }

    /// Whether it differs from `other` in numbers at most: `reader#2: done` and `reader#3: done`.
    fn is_like(&self, other: &Line) -> bool {
        let is_plain = |line: &Line| !line.deviates && !line.is_gap;
        let shape = |line: &Line| -> String {
            line.text.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("0")
        };
        is_plain(self)
            && is_plain(other)
            && (self.lane, self.at) == (other.lane, other.at)
            && shape(self) == shape(other)
    }
}

/// From how many lines in a row that are alike only the first and the last are shown.
const MANY_ALIKE: usize = 5;

/// The lines with those that come over and over again, as in a livelock, shown the first and the last time.
fn in_rounds(lines: Vec<Line>) -> Vec<Line> {
    /// Of so many lines may a round be, and so often must it come.
    const LONGEST: usize = 12;
    const MANY: usize = 4;
    let is_same = |one: &Line, other: &Line| {
        let is_plain = |line: &Line| !line.deviates && !line.is_gap;
        is_plain(one) && is_plain(other) && one.lane == other.lane && one.text == other.text
    };
    let round_at = |lines: &[Line]| {
        (2..=LONGEST).find_map(|length| {
            let again = lines.iter().zip(lines.iter().skip(length)).take_while(|(one, other)| is_same(one, other));
            let rounds = 1 + again.count() / length;
            (rounds >= MANY).then_some((length, rounds))
        })
    };
    let mut shown = Vec::new();
    let mut next = 0;
    let mut found = Vec::new();
    while next < lines.len() {
        let round = round_at(&lines[next..]);
        found.extend(round.map(|(length, rounds)| (next, length, rounds)));
        next += round.map_or(1, |(length, rounds)| length * rounds);
    }
    let mut lines = lines.into_iter();
    let mut at = 0;
    for (from, length, rounds) in found {
        shown.extend(lines.by_ref().take(from - at + length));
        let mut others = lines.by_ref().skip(length * (rounds - 2)).take(length);
        let last = others.next().expect("a round has two lines at least");
        shown.push(last.gap(format!("… these {length} lines {} times more …", rounds - 2)));
        shown.push(last);
        shown.extend(others);
        at = from + length * rounds;
    }
    shown.extend(lines);
    shown
}

/// How many lines before and after a deviation are of interest.
const AROUND: usize = 2;

/// The lines in at most about `most`.
fn in_short(lines: Vec<Line>, most: usize) -> Vec<Line> {
    if lines.len() <= most {
        return lines;
    }
    let mut folded: Vec<Line> = Vec::new();
    let mut lines = lines.into_iter().peekable();
    while let Some(first) = lines.next() {
        let mut alike = Vec::new();
        while let Some(next) = lines.next_if(|next| next.is_like(&first)) {
            alike.push(next);
        }
        folded.push(first);
        let count = alike.len();
        match alike.pop() {
            Some(last) if count + 1 >= MANY_ALIKE => {
                folded.push(last.gap(format!("… {} more of the kind …", count - 1)));
                folded.push(last);
            }
            last => folded.extend(alike.into_iter().chain(last)),
        }
    }
    let folded = in_rounds(folded);
    if folded.len() <= most {
        return folded;
    }
    let mut is_kept = vec![false; folded.len()];
    let mut left = most;
    let mut keep = |index: usize, left: &mut usize| {
        if *left > 0 && !std::mem::replace(&mut is_kept[index], true) {
            *left -= 1;
        }
    };
    // The beginning and the end have their share, however many deviations there are.
    let share = most / 4;
    (0..share).for_each(|n| [n, folded.len() - 1 - n].into_iter().for_each(|index| keep(index, &mut left)));
    for (index, _) in folded.iter().enumerate().filter(|(_, line)| line.deviates) {
        (index.saturating_sub(AROUND)..=(index + AROUND).min(folded.len() - 1))
            .for_each(|index| keep(index, &mut left));
    }
    for n in share..folded.len() {
        [n, folded.len() - 1 - n].into_iter().for_each(|index| keep(index, &mut left));
    }
    let mut shown: Vec<Line> = Vec::new();
    let mut left_out = 0;
    for (line, is_kept) in folded.into_iter().zip(is_kept) {
        if !is_kept {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            shown.push(line.gap(format!("… {left_out} lines left out …")));
            left_out = 0;
        }
        shown.push(line);
    }
    shown
}

impl Trace {
    /// Lanes, one event a line: virtual time, who ran and who had woken it, deviations marked with `*`.
    pub fn lanes(&self) -> String {
        self.render(Style { steps: false, most_lines: usize::MAX, most_columns: usize::MAX })
    }

    /// The same with the number of each event's step.
    pub(crate) fn lanes_with_steps(&self) -> String {
        self.render(Style { steps: true, most_lines: usize::MAX, most_columns: MOST_COLUMNS })
    }

    /// The same of a run that may be long, for somebody who looks at it in a terminal.
    pub(crate) fn lanes_in_short(&self) -> String {
        self.render(Style { steps: true, most_lines: MOST_ROWS, most_columns: MOST_COLUMNS })
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let mut lanes = self.lane_names();
        let mut lines = in_short(self.lines(), style.most_lines);
        let times: Vec<String> = lines.iter().map(|line| line.at.to_string()).collect();
        let time_width = times.iter().map(String::len).max().unwrap_or(0).max(4);
        let step_width = lines.iter().map(|l| l.step.to_string().len()).max().unwrap_or(1).max(4);
        let measure = |lanes: &[String], lines: &[Line]| -> Vec<usize> {
            let mut widths: Vec<usize> = lanes.iter().map(|name| name.chars().count()).collect();
            lines.iter().for_each(|line| widths[line.lane] = widths[line.lane].max(line.text.chars().count()));
            widths
        };
        let mut widths = measure(&lanes, &lines);
        let front = if style.steps { step_width + 2 } else { 0 } + time_width + 3;
        let across = front + widths.iter().sum::<usize>() + 3 * (widths.len() - 1);
        if lanes.len() > 2 && across > style.most_columns {
            for line in lines.iter_mut().filter(|line| line.lane > 0) {
                line.text = format!("{}: {}", lanes[line.lane], line.text);
                line.lane = 1;
            }
            lanes.truncate(1);
            lanes.push("threads".into());
            widths = measure(&lanes, &lines);
        }
        let mut out = String::new();
        let mut row = |step: &str, time: &str, mark: &str, cells: &dyn Fn(usize) -> String| {
            let mut row = String::new();
            if style.steps {
                row += &format!("{step:>step_width$}  ");
            }
            row += &format!("{time:>time_width$} {mark}");
            for (lane, width) in widths.iter().enumerate() {
                let bar = if lane == 0 { " " } else { " | " };
                row += &format!("{bar}{:<width$}", cells(lane));
            }
            out += row.trim_end();
            out.push('\n');
        };
        row("step", "time", " ", &|lane| lanes[lane].clone());
        let mut last_time = "";
        for (line, time) in lines.iter().zip(&times) {
            if line.is_gap {
                row("", "", " ", &|lane| if lane == 0 { line.text.clone() } else { String::new() });
                continue;
            }
            let shown = if time == last_time { "" } else { time };
            last_time = time;
            let mark = if line.deviates { "*" } else { " " };
            row(&line.step.to_string(), shown, mark, &|lane| {
                if lane == line.lane { line.text.clone() } else { String::new() }
            });
        }
        out
    }

    fn lane_names(&self) -> Vec<String> {
        let workers = self.workers().map(|(_, worker)| worker.name.clone());
        std::iter::once("loop".to_string()).chain(workers).collect()
    }

    fn workers(&self) -> impl Iterator<Item = (u32, &Actor)> {
        let actors = self.actors.iter().enumerate().map(|(index, actor)| (index as u32, actor));
        actors.filter(|(_, actor)| actor.kind.is_thread())
    }

    fn lane_of(&self, worker: Option<u32>) -> usize {
        let place = worker.and_then(|worker| self.workers().position(|(index, _)| index == worker));
        place.map_or(0, |place| place + 1)
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            if let Some((place, count)) = self.gap
                && place == index
            {
                let text = format!("… {count} events not kept …");
                lines.push(Line {
                    step: event.step,
                    at: event.at,
                    lane: 0,
                    text,
                    poll: None,
                    deviates: false,
                    is_gap: false,
                });
            }
            if !self.is_news(event) {
                continue;
            }
            let deviates = self.overtaken(event).is_some() || matches!(event.what, What::Chose { .. });
            let poll = match event.what {
                What::Polled { actor, end, .. } if !deviates => Some((actor, end, 1)),
                _ => None,
            };
            if let Some(last) = lines.last_mut()
                && let (Some((a, PollEnd::Pending, n)), Some((b, PollEnd::Pending, _))) = (last.poll, poll)
                && a == b
                && last.at == event.at
            {
                last.poll = Some((a, PollEnd::Pending, n + 1));
                last.text = format!("{}: polled {} times, pending", self.actor_name(a), n + 1);
                continue;
            }
            let lane = self.lane_of(event.worker);
            lines.push(Line {
                step: event.step,
                at: event.at,
                lane,
                text: self.tell(event),
                poll,
                deviates,
                is_gap: false,
            });
        }
        lines
    }

    /// A worker's turn is told by what its jobs do, unless it is where the schedule left the plain order.
    fn is_news(&self, event: &Event) -> bool {
        match &event.what {
            What::Polled { actor, before: None, end, .. } => {
                *end == PollEnd::Panicked || !self.actors[*actor as usize].kind.is_thread()
            }
            _ => true,
        }
    }

    fn overtaken(&self, event: &Event) -> Option<u32> {
        match event.what {
            What::Polled { before, .. } | What::TimeMoved { before, .. } => before,
            _ => None,
        }
    }

    fn actor_name(&self, index: u32) -> &str {
        self.actors.get(index as usize).map_or("?", |actor| &actor.name)
    }

    /// One event in words.
    pub(crate) fn tell(&self, event: &Event) -> String {
        let name = |index: &u32| self.actor_name(*index);
        let before = |index: &Option<u32>| index.map_or(String::new(), |b| format!(", before {}", self.actor_name(b)));
        match &event.what {
            What::Spawned { actor, by } => {
                let verb = match self.actors[*actor as usize].kind {
                    ActorKind::Job => "queues job",
                    ActorKind::Thread => "starts thread",
                    _ => "spawns",
                };
                match by {
                    Some(by) => format!("{} {verb} {}", name(by), name(actor)),
                    None => format!("{verb} {}", name(actor)),
                }
            }
            What::Polled { actor, woken, before: overtaken, end } => {
                if self.actors[*actor as usize].kind.is_thread() {
                    return format!("takes its turn{}", before(overtaken));
                }
                let woken = match woken {
                    None | Some(Source::Spawn) => String::new(),
                    Some(Source::Clock) => ", woken by the clock".into(),
                    Some(Source::Outside) => ", woken from outside".into(),
                    Some(Source::Actor(by)) if by == actor => ", woken by itself".into(),
                    Some(Source::Actor(by)) => format!(", woken by {}", name(by)),
                };
                format!("{}: {}{woken}{}", name(actor), tell_end(*end), before(overtaken))
            }
            What::JobBegan { job } => format!("{} begins", name(job)),
            What::JobEnded { job, end } => match end {
                PollEnd::Done => format!("{} ends", name(job)),
                end => format!("{}: {}", name(job), tell_end(*end)),
            },
            What::TimeMoved { from, before: overtaken } => {
                let moved = Instant::from_nanos(event.at.as_nanos() - from.as_nanos());
                format!("-- time moves by {moved}{}", before(overtaken))
            }
            What::Dropped { actor } => format!("{} is dropped", name(actor)),
            What::Chose { by, latency: Some(latency), .. } => {
                format!("what {} sends takes {}", name(by), Instant::START + *latency)
            }
            What::Chose { by, number, .. } => format!("{} chooses {number}", name(by)),
            What::Blocked { by, call } => match by {
                Some(by) => format!("{} BLOCKS THE LOOP: {call}", name(by)),
                None => format!("BLOCKS THE LOOP: {call}"),
            },
            What::Note { by, text } => match by {
                Some(by) => format!("{} notes: {text}", name(by)),
                None => format!("note: {text}"),
            },
        }
    }
}

fn tell_end(end: PollEnd) -> &'static str {
    match end {
        PollEnd::Open => "running",
        PollEnd::Pending => "pending",
        PollEnd::Done => "done",
        PollEnd::Panicked => "panicked",
        PollEnd::Cancelled => "cancelled",
    }
}
