//! Two transfers between the same two accounts, in opposite directions, each account behind an
//! async mutex (tokio's `sync`, which needs no tokio runtime).
//!
//! Not a bug of the crate but the oldest one of its users: each transfer takes the account it pays
//! from first. If both hold their first account before either has its second, each waits for the
//! other for ever. The remedy is as old: take the accounts in one order, whichever way the money
//! goes. `payer_first` is the first, `lower_first` the second.

use raddle::{Explore, Found};
use std::sync::Arc;
use tokio::sync::Mutex;

pub fn payer_first(seeds: Explore) -> Found {
    seeds.run(payer_first_scenario)
}

pub fn lower_first(seeds: Explore) -> Found {
    seeds.run(lower_first_scenario)
}

pub async fn payer_first_scenario() {
    both_ways(Transfer::payer_first).await;
}

pub async fn lower_first_scenario() {
    both_ways(Transfer::lower_first).await;
}

/// The accounts' balances.
type Bank = Arc<[Mutex<i64>; 2]>;

async fn both_ways<F>(transfer: fn(Transfer) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let bank: Bank = Arc::new([Mutex::new(100), Mutex::new(100)]);
    let rent = Transfer { bank: bank.clone(), from: 0, to: 1, amount: 50 };
    let refund = Transfer { bank: bank.clone(), from: 1, to: 0, amount: 30 };

    let rent = raddle::task("rent").spawn(transfer(rent));
    raddle::yield_now().await; // the refund comes a moment later
    let refund = raddle::task("refund").spawn(transfer(refund));
    rent.await;
    refund.await;

    let balances = [*bank[0].lock().await, *bank[1].lock().await];
    assert_eq!(balances, [80, 120]);
}

struct Transfer {
    bank: Bank,
    from: usize,
    to: usize,
    amount: i64,
}

impl Transfer {
    async fn payer_first(self) {
        let mut from = self.bank[self.from].lock().await;
        raddle::note!("holds account {}", self.from);
        raddle::yield_now().await; // writes the audit log
        let mut to = self.bank[self.to].lock().await;
        *from -= self.amount;
        *to += self.amount;
    }

    async fn lower_first(self) {
        let mut lower = self.bank[self.from.min(self.to)].lock().await;
        raddle::note!("holds account {}", self.from.min(self.to));
        raddle::yield_now().await;
        let mut upper = self.bank[self.from.max(self.to)].lock().await;
        let (from, to) = match self.from < self.to {
            true => (&mut lower, &mut upper),
            false => (&mut upper, &mut lower),
        };
        **from -= self.amount;
        **to += self.amount;
    }
}
