//! The stories, each file as it is. What `raddle` is in them is up to the crate whose module this is.

use raddle::{Explore, Found};

pub use ::{deadpool, moka};

#[path = "../after.rs"]
pub mod after;
#[path = "../bank.rs"]
pub mod bank;
#[path = "../cache_stampede.rs"]
pub mod cache_stampede;
#[path = "../connection_pool.rs"]
pub mod connection_pool;
#[path = "../hit_counter.rs"]
pub mod hit_counter;
#[path = "../label_printer.rs"]
pub mod label_printer;
#[path = "../quotes.rs"]
pub mod quotes;
#[path = "../thumbnails.rs"]
pub mod thumbnails;
#[path = "../upload_limit.rs"]
pub mod upload_limit;

/// Every fixed side of every story, as `story::side` (but the two about kanal and futures-locks).
pub const SIDES: &[(&str, fn(Explore) -> Found)] = &[
    ("job_queue::fixed", after::job_queue::explore),
    ("price_feed::fixed", after::price_feed::explore),
    ("hand_over::fixed", after::hand_over::explore),
    ("cancelled_lock::fixed", after::cancelled_lock::explore),
    ("config_reload::fixed", after::config_reload::explore),
    ("chat_order::fixed", after::chat_order::explore),
    ("connection_pool::fixed", connection_pool::explore),
    ("hit_counter::fixed", hit_counter::explore),
    ("bank::lower_first", bank::lower_first),
    ("cache_stampede::load_once", cache_stampede::load_once),
    ("label_printer::clean", label_printer::explore),
    ("quotes::clean", quotes::explore),
    ("thumbnails::as_they_come", thumbnails::as_they_come),
    ("thumbnails::in_order", thumbnails::in_order),
    ("upload_limit::clean", upload_limit::explore),
];
