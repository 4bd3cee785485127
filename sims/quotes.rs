//! A price comparison asks three shops at once and shows the first two answers. Asking needs a login,
//! which all three share (futures-util: `Shared`, `FuturesUnordered`).
//!
//! What the crates promise: a `Shared` future runs once however many wait for it, and goes on for the
//! others when the one that was driving it is dropped; `FuturesUnordered` gives every answer once, in
//! the order they are ready. The two quick shops answer at the same instant as the deadline, so that
//! it is a matter of order who is shown; what must hold in every order: one login, no shop twice, and
//! never more than two.

use futures_util::future::{FutureExt, Shared};
use futures_util::stream::{FuturesUnordered, StreamExt};
use raddle::{Explore, Found};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

const SHOPS: [(&str, u64); 3] = [("ash", 20), ("birch", 20), ("cedar", 40)];

pub async fn scenario() -> String {
    let logins = Arc::new(AtomicUsize::new(0));
    let login = log_in(logins.clone()).boxed().shared();

    // A page that is closed again while the login is under way: it was the first to drive it.
    let closed_page = raddle::task("closed page").spawn(login.clone());
    raddle::yield_now().await;
    drop(closed_page);

    let shops = SHOPS.map(|(shop, answers_after)| {
        raddle::task(shop).spawn(ask(login.clone(), shop, Duration::from_millis(answers_after)))
    });
    let mut answers: FuturesUnordered<_> = shops.into_iter().collect();
    let mut shown = Vec::new();
    let deadline = Duration::from_millis(10 + 20);
    let _ = raddle::timeout(deadline, async {
        while shown.len() < 2
            && let Some(shop) = answers.next().await
        {
            shown.push(shop);
        }
    })
    .await;

    assert_eq!(logins.load(Relaxed), 1, "logged in more than once");
    assert!(!shown.contains(&"cedar"), "cedar answers too late");
    if shown.is_empty() { "nothing in time".into() } else { shown.join(", ") }
}

async fn log_in(logins: Arc<AtomicUsize>) -> u32 {
    logins.fetch_add(1, Relaxed);
    raddle::sleep(Duration::from_millis(10)).await;
    4711
}

async fn ask(login: Shared<impl Future<Output = u32>>, shop: &'static str, answers_after: Duration) -> &'static str {
    let session = login.await;
    assert_eq!(session, 4711);
    raddle::sleep(answers_after).await;
    shop
}
