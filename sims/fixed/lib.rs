//! The stories of `sims/`, the same files, on the very releases that fixed their bugs.

pub use ::{async_broadcast, async_channel, deadpool, event_listener, flume, kanal, moka};

pub mod tokio {
    pub mod sync {
        pub use tokio_0_2::sync::Mutex;
        pub use tokio_0_3::sync::RwLock;
    }
}

/// One test for each story: nothing is found.
macro_rules! stories {
    ($($story:ident: $file:literal;)+) => {
        $(#[path = $file]
        pub mod $story;)+

        #[cfg(test)]
        mod nothing_is_found_in {
            $(#[test]
            fn $story() {
                super::$story::explore(raddle::Explore::new().name(stringify!($story))).unwrap();
            })+
        }
    };
}

stories! {
    cancelled_lock: "../cancelled_lock.rs";
    chat_order: "../chat_order.rs";
    config_reload: "../config_reload.rs";
    connection_pool: "../connection_pool.rs";
    hand_over: "../hand_over.rs";
    hit_counter: "../hit_counter.rs";
    job_queue: "../job_queue.rs";
    log_shipper: "../log_shipper.rs";
    price_feed: "../price_feed.rs";
}
