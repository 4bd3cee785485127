//! The same stories, the same files, on today's releases. (On the very releases that fixed the bugs they run in
//! `sims/fixed`.)

pub use ::{async_broadcast, async_channel, event_listener, flume, tokio};

#[path = "cancelled_lock.rs"]
pub mod cancelled_lock;
#[path = "chat_order.rs"]
pub mod chat_order;
#[path = "config_reload.rs"]
pub mod config_reload;
#[path = "hand_over.rs"]
pub mod hand_over;
#[path = "job_queue.rs"]
pub mod job_queue;
#[path = "price_feed.rs"]
pub mod price_feed;
