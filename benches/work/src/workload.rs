//! The workloads: their names, their units, and how much of each makes one run.

/// What is measured. The names are those of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    Step,
    Hop,
    Spawn,
    Batch,
    Timer,
    Job,
    Call,
    Read,
    Nap,
    Run,
    Parked,
}

/// How many tasks a run has, and how often each does what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub tasks: u64,
    pub each: u64,
}

impl Workload {
    /// All of them, in the order of the tables.
    pub const ALL: [Workload; 11] = [
        Workload::Step,
        Workload::Hop,
        Workload::Spawn,
        Workload::Batch,
        Workload::Timer,
        Workload::Job,
        Workload::Call,
        Workload::Read,
        Workload::Nap,
        Workload::Run,
        Workload::Parked,
    ];

    /// `W1` to `W7`.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Step => "W1",
            Workload::Hop => "W2",
            Workload::Spawn => "W3",
            Workload::Batch => "W3b",
            Workload::Timer => "W4",
            Workload::Job => "W5",
            Workload::Call => "W5c",
            Workload::Read => "W5r",
            Workload::Nap => "W5s",
            Workload::Run => "W6",
            Workload::Parked => "W7",
        }
    }

    /// The workload of this name.
    pub fn named(name: &str) -> Option<Workload> {
        Workload::ALL.into_iter().find(|workload| workload.name() == name)
    }

    /// What it does, in a line.
    pub fn what(self) -> &'static str {
        match self {
            Workload::Step => "100 tasks that give way 1,000 times each",
            Workload::Hop => "a token that 100 tasks pass on through async-channel, bounded(1), 1,000 times round",
            Workload::Spawn => "spawn a task that is ready at once, await it, 100,000 times",
            Workload::Batch => "spawn 1,000 tasks that are ready at once, await them all, 100 times",
            Workload::Timer => "10,000 tasks that sleep 100 times, from 1 to 1,000 ms of virtual time",
            Workload::Job => "blocking jobs that return at once, 8 in flight",
            Workload::Call => "blocking jobs that make one system call (getppid), 8 in flight",
            Workload::Read => "blocking jobs that read 64 bytes of a file (read_at), 8 in flight",
            Workload::Nap => "blocking jobs that call std::thread::sleep for 1 ms, 8 in flight",
            Workload::Run => "a whole run: set up, 3 tasks that give way 20 times each, torn down",
            Workload::Parked => "tasks that wait on one async-channel receiver",
        }
    }

    /// What its figures are per.
    pub fn unit(self) -> &'static str {
        match self {
            Workload::Step => "step",
            Workload::Hop => "hop",
            Workload::Spawn | Workload::Batch => "spawn",
            Workload::Timer => "timer",
            Workload::Job | Workload::Call | Workload::Read | Workload::Nap => "job",
            Workload::Run => "run",
            Workload::Parked => "task",
        }
    }

    /// One run of it, for a peer that can bear long ones or for one that cannot.
    pub fn size(self, short: bool) -> Size {
        let (tasks, each) = match (self, short) {
            (Workload::Step | Workload::Hop, _) => (100, 1_000),
            (Workload::Spawn, false) => (1, 100_000),
            (Workload::Spawn, true) => (1, 100),
            (Workload::Batch, false) => (1_000, 100),
            (Workload::Batch, true) => (100, 1),
            (Workload::Timer, _) => (10_000, 100),
            (Workload::Job | Workload::Call | Workload::Read, false) => (8, 1_250),
            (Workload::Job | Workload::Call | Workload::Read, true) => (8, 10),
            (Workload::Nap, _) => (8, 50),
            (Workload::Run, _) => (3, 20),
            (Workload::Parked, false) => (100_000, 1),
            (Workload::Parked, true) => (2_000, 1),
        };
        Size { tasks, each }
    }

    /// One run of it that is short enough to be watched closely.
    pub(crate) fn proof_size(self) -> Size {
        let (tasks, each) = match self {
            Workload::Step | Workload::Hop => (10, 10),
            Workload::Spawn => (1, 100),
            Workload::Batch => (100, 2),
            Workload::Timer => (100, 10),
            Workload::Job | Workload::Call | Workload::Read => (8, 10),
            Workload::Nap => (8, 2),
            Workload::Run => (3, 20),
            Workload::Parked => (100, 1),
        };
        Size { tasks, each }
    }

    /// How many units a run of this size is.
    pub fn units(self, size: Size) -> u64 {
        if self == Workload::Run { 1 } else { size.tasks * size.each }
    }

    /// How many polls of its tasks a run of this size cannot do without.
    pub(crate) fn polls(self, size: Size) -> u64 {
        let Size { tasks, each } = size;
        match self {
            // Each time a task gives way, sleeps or waits costs a poll, and its beginning another.
            Workload::Step | Workload::Timer | Workload::Run | Workload::Parked => tasks * (each + 1),
            Workload::Hop | Workload::Spawn | Workload::Batch => tasks * each,
            // A peer that runs jobs inline never makes a task wait for one.
            Workload::Job | Workload::Call | Workload::Read | Workload::Nap => tasks,
        }
    }
}
