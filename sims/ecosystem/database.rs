//! sqlx with SQLite: a thread for each connection, two of them at one file.

use crate::{explored, folder, outcomes};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::path::Path;
use std::time::Duration;

/// An account with 100 on it, and a pool of two connections.
async fn open(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    sqlx::query("DROP TABLE IF EXISTS accounts").execute(&pool).await.unwrap();
    sqlx::query("CREATE TABLE accounts (balance INTEGER NOT NULL)").execute(&pool).await.unwrap();
    sqlx::query("INSERT INTO accounts VALUES (100)").execute(&pool).await.unwrap();
    pool
}

async fn balance(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT balance FROM accounts").fetch_one(pool).await.unwrap()
}

/// Reads, and then writes what it has worked out: nothing keeps another from writing in between.
async fn hasty(pool: SqlitePool, amount: i64) {
    let before = balance(&pool).await;
    sqlx::query("UPDATE accounts SET balance = ?").bind(before + amount).execute(&pool).await.unwrap();
}

/// The same in a transaction that has the right to write from its beginning.
async fn careful(pool: SqlitePool, amount: i64) {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let before: i64 = sqlx::query_scalar("SELECT balance FROM accounts").fetch_one(&mut *transaction).await.unwrap();
    let update = sqlx::query("UPDATE accounts SET balance = ?").bind(before + amount);
    update.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

/// What is on the account after two payments at once.
async fn two_payments<Fut: Future<Output = ()> + Send + 'static>(path: &Path, pay: fn(SqlitePool, i64) -> Fut) -> i64 {
    let pool = open(path).await;
    let one = raddle::task("one").spawn(pay(pool.clone(), 10));
    let two = raddle::task("two").spawn(pay(pool.clone(), 20));
    one.await;
    two.await;
    let left = balance(&pool).await;
    pool.close().await;
    left
}

#[test]
fn a_payment_is_lost() {
    let folder = folder("lost");
    let path = folder.join("accounts");
    let found = explored(24, || {
        let path = path.clone();
        async move { two_payments(&path, hasty).await }
    });
    let seen = outcomes(&found);
    assert!(seen.contains(&"110") && seen.contains(&"120"), "{seen:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn no_payment_is_lost_in_a_transaction() {
    let folder = folder("kept");
    let path = folder.join("accounts");
    let found = explored(24, || {
        let path = path.clone();
        async move { two_payments(&path, careful).await }
    });
    assert_eq!(outcomes(&found), ["130"]);
    std::fs::remove_dir_all(folder).unwrap();
}
