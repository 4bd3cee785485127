//! A pool of connections (deadpool) to a database whose driver blocks: each call is a job of `smol::unblock`.

use deadpool::managed::{Manager, Metrics, Pool, RecycleError, RecycleResult};
use smol::Timer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The database: a table, and how many connections it has had at once.
#[derive(Default)]
struct Database {
    rows: Mutex<BTreeMap<u32, u32>>,
    connections: Mutex<(usize, usize)>,
}

/// A connection of the blocking driver.
struct Connection {
    database: Arc<Database>,
    is_broken: bool,
}

impl Connection {
    fn open(database: Arc<Database>) -> Connection {
        std::thread::sleep(Duration::from_millis(20));
        let mut connections = database.connections.lock().unwrap();
        connections.0 += 1;
        connections.1 = connections.1.max(connections.0);
        drop(connections);
        Connection { database, is_broken: false }
    }

    /// Adds to a row; every third call breaks the connection behind it.
    fn add(&mut self, row: u32, amount: u32) -> u32 {
        std::thread::sleep(Duration::from_millis(5));
        let mut rows = self.database.rows.lock().unwrap();
        let value = rows.entry(row).or_insert(0);
        *value += amount;
        self.is_broken = (*value).is_multiple_of(3);
        *value
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.connections.lock().unwrap().0 -= 1;
    }
}

struct Driver(Arc<Database>);

impl Manager for Driver {
    type Type = Option<Connection>;
    type Error = std::convert::Infallible;

    async fn create(&self) -> Result<Option<Connection>, Self::Error> {
        let database = self.0.clone();
        Ok(Some(smol::unblock(|| Connection::open(database)).await))
    }

    async fn recycle(&self, connection: &mut Option<Connection>, _: &Metrics) -> RecycleResult<Self::Error> {
        match connection {
            Some(connection) if !connection.is_broken => Ok(()),
            _ => Err(RecycleError::message("it is broken")),
        }
    }
}

/// Four requests share two connections; one of them is given up half way. (The rows at the end, the most connections at
/// once.)
pub async fn rows() -> (Vec<(u32, u32)>, usize) {
    let database = Arc::new(Database::default());
    let pool: Pool<Driver> = Pool::builder(Driver(database.clone())).max_size(2).build().expect("it needs no runtime");
    let request = |row: u32| {
        let pool = pool.clone();
        async move {
            let mut lent = pool.get().await.expect("the pool is open");
            let mut connection = lent.take().expect("it was given back whole");
            let (connection, value) = smol::unblock(move || {
                let value = connection.add(row, 1);
                (connection, value)
            })
            .await;
            *lent = Some(connection);
            value
        }
    };
    let impatient = smol::spawn(request(9));
    let requests: Vec<_> = (0..3).map(|n| smol::spawn(request(n % 2))).collect();
    let given_up = async {
        Timer::after(Duration::from_millis(1)).await;
        0
    };
    smol::future::or(impatient, given_up).await;
    for request in requests {
        request.await;
    }
    pool.close();
    let rows = database.rows.lock().unwrap().iter().filter(|(row, _)| **row != 9).map(|(a, b)| (*a, *b)).collect();
    (rows, database.connections.lock().unwrap().1)
}

/// What is so in every order: the rows are right, and the pool has kept its limit.
pub async fn checked() -> Vec<(u32, u32)> {
    let (rows, most) = rows().await;
    assert!(most <= 2, "{most} connections at once");
    rows
}
