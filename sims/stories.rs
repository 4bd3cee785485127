//! The table of all stories: `cargo run --example stories` prints what is found in each, `cargo test --test sims`
//! asserts it.

#[path = "after.rs"]
pub mod after;
#[path = "bank.rs"]
pub mod bank;
#[path = "before.rs"]
pub mod before;
#[path = "cache_stampede.rs"]
pub mod cache_stampede;
#[path = "label_printer.rs"]
pub mod label_printer;
#[path = "price_list.rs"]
pub mod price_list;
#[path = "quotes.rs"]
pub mod quotes;
#[path = "thumbnails.rs"]
pub mod thumbnails;
#[path = "upload_limit.rs"]
pub mod upload_limit;

use raddle::{Explore, Failure, FindingKind, Found};

/// One story: what a service wants, and the ways of doing it.
pub struct Story {
    pub name: &'static str,
    /// What the service does, in a line.
    pub about: &'static str,
    /// What goes wrong, or what might, in a line or two.
    pub wrong: &'static str,
    /// Where it was reported or repaired, or came in.
    pub upstream: Option<&'static str>,
    /// The release that is clean, if it has to run in `sims/fixed`.
    pub elsewhere: Option<&'static str>,
    pub sides: &'static [Side],
}

/// A story on one release of a crate, or done in one of two ways.
pub struct Side {
    pub name: &'static str,
    pub on: &'static str,
    pub explore: fn(Explore) -> Found,
    /// Every failure that is to be found: its kind, and words of its message. None: nothing is to be found.
    pub finds: &'static [(FindingKind, &'static str)],
}

use FindingKind::{Deadlock, Panic};

pub const STORIES: &[Story] = &[
    Story {
        name: "job_queue",
        about: "two workers on one queue; one looks, finds nothing, and does something else first",
        wrong: "two jobs notify one worker only, the busy one; the other sleeps beside a full queue",
        upstream: Some("https://github.com/smol-rs/async-channel/pull/49"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "async-channel 1.7.1",
                explore: before::job_queue::explore,
                finds: &[(Deadlock, "for ever")],
            },
            Side { name: "fixed", on: "async-channel 2", explore: after::job_queue::explore, finds: &[] },
        ],
    },
    Story {
        name: "price_feed",
        about: "a publisher, a chart that reads one price, an audit log that has paused",
        wrong: "when the paused receiver is the last to go the channel stays open: the publisher waits for ever, or panics",
        upstream: Some("https://github.com/smol-rs/async-broadcast/pull/15"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "async-broadcast 0.3.2",
                explore: before::price_feed::explore,
                finds: &[(Deadlock, "for ever"), (Panic, "inactive_receiver_count != 0")],
            },
            Side { name: "fixed", on: "async-broadcast 0.7", explore: after::price_feed::explore, finds: &[] },
        ],
    },
    Story {
        name: "hand_over",
        about: "a request that will not wait hands its listener to a background task",
        wrong: "the listener keeps its first waker: the request is woken, the background task never",
        upstream: Some("https://github.com/smol-rs/event-listener/commit/490c40d"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "event-listener 1.2.0",
                explore: before::hand_over::explore,
                finds: &[(Deadlock, "background can never be woken")],
            },
            Side { name: "fixed", on: "event-listener 5", explore: after::hand_over::explore, finds: &[] },
        ],
    },
    Story {
        name: "cancelled_lock",
        about: "a booking holds an account's lock; another gives up waiting for it at its deadline",
        wrong: "the lock is handed to the one that has left, and nobody gets it again",
        upstream: Some("https://github.com/tokio-rs/tokio/issues/1898"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "tokio 0.2.3",
                explore: before::cancelled_lock::explore,
                finds: &[(Deadlock, "for ever")],
            },
            Side { name: "fixed", on: "tokio 1", explore: after::cancelled_lock::explore, finds: &[] },
        ],
    },
    Story {
        name: "config_reload",
        about: "two reloads of a configuration, each downgrading its write lock to apply what it wrote",
        wrong: "a downgrade gives back more permits than it took, so a writer gets in beside a reader",
        upstream: Some("https://github.com/tokio-rs/tokio/issues/2941"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "tokio 0.3.1",
                explore: before::config_reload::explore,
                finds: &[(Panic, "changed under a read lock")],
            },
            Side { name: "fixed", on: "tokio 1", explore: after::config_reload::explore, finds: &[] },
        ],
    },
    Story {
        name: "chat_order",
        about: "a chat window, one task, reads a friend's lines and the signs of typing",
        wrong: "a receiver polled twice queues itself twice, and gets the second line before the first",
        upstream: Some("https://github.com/zesterer/flume/issues/98"),
        elsewhere: None,
        sides: &[
            Side {
                name: "broken",
                on: "flume 0.10.10",
                explore: before::chat_order::explore,
                finds: &[(Panic, "lines shown out of order")],
            },
            Side { name: "fixed", on: "flume 0.12", explore: after::chat_order::explore, finds: &[] },
        ],
    },
    Story {
        name: "connection_pool",
        about: "a pool of one database connection, checked before it is used again",
        wrong: "a caller that gives up during the check hands its permit back twice: one connection too many",
        upstream: Some("https://github.com/deadpool-rs/deadpool/issues/205"),
        elsewhere: Some("deadpool 0.9.5"),
        sides: &[Side {
            name: "broken",
            on: "deadpool 0.9.4",
            explore: before::connection_pool::explore,
            finds: &[(Panic, "the database allows 1 connection, the pool opened 2")],
        }],
    },
    Story {
        name: "hit_counter",
        about: "visitors count themselves in a cache whose entries are written behind",
        wrong: "a caller lets the next one in before its own value is written: a hit is lost",
        upstream: Some("https://github.com/moka-rs/moka/pull/574"),
        elsewhere: Some("moka 0.12.14"),
        sides: &[Side {
            name: "broken",
            on: "moka 0.12.13",
            explore: before::hit_counter::explore,
            finds: &[(Panic, "hits were lost")],
        }],
    },
    Story {
        name: "log_shipper",
        about: "a service hands the send of a log line to a background task when there is no room",
        wrong: "the send keeps its first waker: the service is woken, the background task never",
        upstream: Some("https://github.com/fereidani/kanal/commit/b18607d"),
        elsewhere: Some("kanal 0.1.0-pre8"),
        sides: &[Side {
            name: "broken",
            on: "kanal 0.1.1",
            explore: before::log_shipper::explore,
            finds: &[(Deadlock, "background can never be woken")],
        }],
    },
    Story {
        name: "price_list",
        about: "a clerk writes a list; a visitor gives up waiting to read it at his deadline",
        wrong: "the reader who has left is counted as one who reads: nobody can write again",
        upstream: None,
        elsewhere: None,
        sides: &[
            Side {
                name: "futures_locks",
                on: "futures-locks 0.7.1",
                explore: price_list::explore_futures_locks,
                finds: &[(Deadlock, "for ever")],
            },
            Side { name: "async_lock", on: "async-lock 3", explore: price_list::explore_async_lock, finds: &[] },
        ],
    },
    Story {
        name: "bank",
        about: "two transfers between two accounts, in opposite directions",
        wrong: "each holds the account it pays from and waits for the other's (no crate's fault)",
        upstream: None,
        elsewhere: None,
        sides: &[
            Side {
                name: "payer_first",
                on: "payer first",
                explore: bank::payer_first,
                finds: &[(Deadlock, "for ever")],
            },
            Side { name: "lower_first", on: "lower account first", explore: bank::lower_first, finds: &[] },
        ],
    },
    Story {
        name: "cache_stampede",
        about: "requests for one page that is slow to render, behind a cache",
        wrong: "whoever looks while the page is being rendered renders it again (no crate's fault)",
        upstream: None,
        elsewhere: None,
        sides: &[
            Side {
                name: "look_then_load",
                on: "look, then load",
                explore: cache_stampede::look_then_load,
                finds: &[(Panic, "rendered more than once")],
            },
            Side { name: "load_once", on: "get_with of moka 0.12.13", explore: cache_stampede::load_once, finds: &[] },
        ],
    },
    Story {
        name: "label_printer",
        about: "three clerks, a buffered printer, paper for two labels",
        wrong: "nothing: whoever is refused is told, whatever the order",
        upstream: None,
        elsewhere: None,
        sides: &[Side { name: "clean", on: "Buffer of tower 0.5", explore: label_printer::explore, finds: &[] }],
    },
    Story {
        name: "quotes",
        about: "three shops asked at once after one login, two answers shown, a deadline",
        wrong: "nothing: one login and no shop twice, whoever is in time",
        upstream: None,
        elsewhere: None,
        sides: &[Side {
            name: "clean",
            on: "Shared and FuturesUnordered of futures-util 0.3",
            explore: quotes::explore,
            finds: &[],
        }],
    },
    Story {
        name: "thumbnails",
        about: "three pictures scaled down on the blocking pool",
        wrong: "nothing fails, but what arrives first comes first: six pages instead of one",
        upstream: None,
        elsewhere: None,
        sides: &[
            Side { name: "as_they_come", on: "through async-channel 2", explore: thumbnails::as_they_come, finds: &[] },
            Side {
                name: "in_order",
                on: "through FuturesOrdered of futures-util 0.3",
                explore: thumbnails::in_order,
                finds: &[],
            },
        ],
    },
    Story {
        name: "upload_limit",
        about: "four uploads, two at a time, one cancelled",
        wrong: "nothing: every permit comes back, and never more than two writes run",
        upstream: None,
        elsewhere: None,
        sides: &[Side { name: "clean", on: "Semaphore of async-lock 3", explore: upload_limit::explore, finds: &[] }],
    },
];

impl Side {
    /// Explores this side of the story `name`.
    pub fn explore(&self, name: &str, seeds: Explore) -> Found {
        (self.explore)(seeds.name(&format!("{name}::{}", self.name)))
    }

    /// Whether just that was found which is to be found; if not, what was found instead.
    pub fn check(&self, found: &Found) -> Result<(), String> {
        let expected = |failure: &Failure, &(kind, words): &(FindingKind, &str)| {
            failure.finding().is_some_and(|finding| finding.kind() == kind && finding.message().contains(words))
        };
        let nothing_else =
            found.failures().iter().all(|failure| self.finds.iter().any(|words| expected(failure, words)));
        let all = self.finds.iter().all(|words| found.failures().iter().any(|failure| expected(failure, words)));
        if all && nothing_else {
            Ok(())
        } else {
            Err(format!("on {}, {:?} was to be found; but: {found}", self.on, self.finds))
        }
    }
}
