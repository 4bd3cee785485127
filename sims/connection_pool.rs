//! A service talks to its database through a pool of one connection (deadpool). A caller that gets
//! a connection back from the pool has it checked first; a caller that is out of time gives up.
//!
//! What deadpool promises: never more than `max_size` connections. In 0.9.4 a caller that gives up
//! *while its connection is being checked* hands its permit back twice: once as the permit's guard
//! goes, once as the unchecked connection goes. From then on the pool opens one connection too many,
//! and a database with a hard limit refuses it. It takes a deadline that passes in the one moment
//! between "the connection is free" and "the check has come back".
//!
//! Fixed in 0.9.5 ("Fix bug causing the pool to exceed its max_size in the case of a recycling
//! error"), deadpool issue 205: in the same range of versions as the bug, so the fixed side runs in
//! `sims/fixed`.

use super::deadpool::async_trait;
use super::deadpool::managed::{Manager, Pool, RecycleResult};
use raddle::{Explore, Found};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

const MAX_CONNECTIONS: usize = 1;
/// What a round trip to the database takes.
const ROUND_TRIP: Duration = Duration::from_millis(5);

pub async fn scenario() -> String {
    let pool = Pool::<Driver>::builder(Driver::default()).max_size(MAX_CONNECTIONS).build().unwrap();

    // The first query opens the connection, one round trip, and uses it for another.
    let first = raddle::task("first").spawn(query(pool.clone()));
    // The hasty caller's time is up just when the check of the connection comes back that began as `first` ended.
    let hasty = raddle::task("hasty").spawn({
        let pool = pool.clone();
        async move { raddle::timeout(ROUND_TRIP * 3, query(pool)).await.is_ok() }
    });
    first.await;
    let in_time = hasty.await;

    let late = [(); 2].map(|()| raddle::task("late").spawn(query(pool.clone())));
    for query in late {
        query.await;
    }
    format!("hasty was served: {in_time}")
}

/// One query over a pooled connection.
async fn query(pool: Pool<Driver>) {
    let _connection = pool.get().await.ok().unwrap();
    raddle::sleep(ROUND_TRIP).await;
}

/// The database's side: counts its connections and refuses to have too many.
#[derive(Default)]
struct Driver {
    open: Arc<AtomicUsize>,
}

struct Connection {
    open: Arc<AtomicUsize>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

#[async_trait]
impl Manager for Driver {
    type Type = Connection;
    type Error = ();

    /// The driver is a blocking one, so it connects on the blocking pool.
    async fn create(&self) -> Result<Connection, ()> {
        let open = self.open.clone();
        raddle::task("connect")
            .unblock(move || {
                raddle::thread::sleep(ROUND_TRIP);
                let now_open = open.fetch_add(1, Relaxed) + 1;
                assert!(
                    now_open <= MAX_CONNECTIONS,
                    "the database allows {MAX_CONNECTIONS} connection, the pool opened {now_open}"
                );
                Ok(Connection { open })
            })
            .await
    }

    /// A connection is pinged before it is used again.
    async fn recycle(&self, _: &mut Connection) -> RecycleResult<()> {
        raddle::task("ping").unblock(|| raddle::thread::sleep(ROUND_TRIP)).await;
        Ok(())
    }
}
