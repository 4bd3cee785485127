//! The stories on the releases that had the bug.
//!
//! Cargo takes one version a range into one graph, so each of these comes from an older range, pinned and renamed
//! (see `[dev-dependencies]`); a story says `use super::async_channel` and does not know which one it gets.

pub use ::{kanal, moka};
pub use async_broadcast_0_3 as async_broadcast;
pub use async_channel_1_7 as async_channel;
pub use deadpool_0_9 as deadpool;
pub use event_listener_1_2 as event_listener;
pub use flume_0_10 as flume;

pub mod tokio {
    pub mod sync {
        pub use tokio_0_2::sync::Mutex;
        pub use tokio_0_3::sync::RwLock;
    }
}

#[path = "cancelled_lock.rs"]
pub mod cancelled_lock;
#[path = "chat_order.rs"]
pub mod chat_order;
#[path = "config_reload.rs"]
pub mod config_reload;
#[path = "connection_pool.rs"]
pub mod connection_pool;
#[path = "hand_over.rs"]
pub mod hand_over;
#[path = "hit_counter.rs"]
pub mod hit_counter;
#[path = "job_queue.rs"]
pub mod job_queue;
#[path = "log_shipper.rs"]
pub mod log_shipper;
#[path = "price_feed.rs"]
pub mod price_feed;
