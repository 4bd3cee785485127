//! Programs whose tasks race for shared variables.

use crate::host::{Access, Host, Lock, Shared, Signal, all, each, task};
use std::sync::Arc;

/// A check that expects another sum than deposit and withdrawal leave.
pub async fn account<H: Host>() {
    struct Account {
        lock: Lock,
        balance: Shared,
        deposited: Shared,
        withdrawn: Shared,
    }
    let (x, y, z) = (1, 2, 4);
    let account = Arc::new(Account {
        lock: Lock::new(0),
        balance: Shared::new(1, x),
        deposited: Shared::new(2, 0),
        withdrawn: Shared::new(3, 0),
    });
    let [a, b, c] = [0; 3].map(|_| account.clone());
    let check = task(async move {
        let _guard = a.lock.lock::<H>().await;
        if a.deposited.get::<H>().await == 1 && a.withdrawn.get::<H>().await == 1 {
            assert_eq!(a.balance.get::<H>().await, (x - y) - z);
        }
    });
    let deposit = task(async move {
        let _guard = b.lock.lock::<H>().await;
        let balance = b.balance.get::<H>().await;
        b.balance.set::<H>(balance + y).await;
        b.deposited.set::<H>(1).await;
    });
    let withdraw = task(async move {
        let _guard = c.lock.lock::<H>().await;
        let balance = c.balance.get::<H>().await;
        c.balance.set::<H>(balance - z).await;
        c.withdrawn.set::<H>(1).await;
    });
    all::<H>(vec![check, deposit, withdraw]).await;
}

/// A driver that is stopped between the check of its flag and the count of its users.
pub async fn bluetooth<H: Host>() {
    struct Device {
        pending: Shared,
        stopping: Shared,
        event: Shared,
        stopped: Shared,
    }
    impl Device {
        async fn decrement<H: Host>(&self) {
            if self.pending.add::<H>(-1).await == 1 {
                self.event.set::<H>(1).await;
            }
        }
    }
    let device = Arc::new(Device {
        pending: Shared::new(0, 1),
        stopping: Shared::new(1, 0),
        event: Shared::new(2, 0),
        stopped: Shared::new(3, 0),
    });
    let stopper = device.clone();
    let stop = H::spawn(async move {
        stopper.stopping.set::<H>(1).await;
        stopper.decrement::<H>().await;
        if stopper.event.get::<H>().await == 1 {
            stopper.stopped.set::<H>(1).await;
        }
    });
    if device.stopping.get::<H>().await == 0 {
        device.pending.add::<H>(1).await;
        assert_eq!(device.stopped.get::<H>().await, 0, "used after it was stopped");
    }
    device.decrement::<H>().await;
    stop.await;
}

/// Three atomic copies around a ring, which end equal in one order only.
pub async fn token_ring<H: Host>() {
    struct Ring {
        x: [Shared; 3],
        flags: [Shared; 3],
    }
    let ring = Arc::new(Ring {
        x: [Shared::new(0, 1), Shared::new(0, 2), Shared::new(0, 1)],
        flags: [(); 3].map(|()| Shared::new(0, 0)),
    });
    let copies = each(&ring, 3, |ring, i| async move {
        H::point(0, Access::Write).await;
        let value = match i {
            0 => (ring.x[2].peek() + 1) % 4,
            other => ring.x[other - 1].peek(),
        };
        ring.x[i].poke(value);
        ring.flags[i].poke(1);
    });
    let check = task(async move {
        H::point(0, Access::Read).await;
        if ring.flags.iter().all(|flag| flag.peek() == 1) {
            let x: Vec<i64> = ring.x.iter().map(Shared::peek).collect();
            assert!(x[0] == x[1] && x[1] == x[2], "{x:?}");
        }
    });
    all::<H>(copies.into_iter().chain([check]).collect()).await;
}

/// `n - 1` tasks set two variables one after the other, and one looks at both: it must see them between.
pub async fn reorder<H: Host>(n: usize) {
    let pair = Arc::new((Shared::new(0, 0), Shared::new(1, 0)));
    let mut tasks = each(&pair, n - 1, |pair, _| async move {
        pair.0.set::<H>(1).await;
        pair.1.set::<H>(-1).await;
    });
    tasks.push(task(async move {
        let (a, b) = (&pair.0, &pair.1);
        let is_neither = a.get::<H>().await == 0 && b.get::<H>().await == 0;
        let is_both = is_neither || a.get::<H>().await == 1 && b.get::<H>().await == -1;
        assert!(is_both, "one set and the other not");
    }));
    all::<H>(tasks).await;
}

/// A task of `steps` steps and one of a single step, which must come before the last of them and after all others.
pub async fn uneven<H: Host>(steps: i64) {
    let count = Arc::new(Shared::new(0, 0));
    let counted = count.clone();
    let long = task(async move {
        for _ in 0..steps {
            counted.add::<H>(1).await;
        }
    });
    let short = task(async move { assert_ne!(count.get::<H>().await, steps - 1, "seen one before the end") });
    all::<H>(vec![long, short]).await;
}

/// A consumer that looks, and then waits: what is notified in between is lost.
pub async fn lost_wakeup<H: Host>() {
    struct Inbox {
        full: Shared,
        signal: Signal,
    }
    let inbox = Arc::new(Inbox { full: Shared::new(0, 0), signal: Signal::default() });
    let sender = inbox.clone();
    let consume = task(async move {
        if inbox.full.get::<H>().await == 0 {
            H::point(1, Access::Write).await;
            inbox.signal.wait().await;
        }
    });
    let produce = task(async move {
        for _ in 0..3 {
            H::point(2, Access::Write).await;
        }
        sender.full.set::<H>(1).await;
        H::point(1, Access::Write).await;
        sender.signal.notify();
    });
    all::<H>(vec![consume, produce]).await;
}
