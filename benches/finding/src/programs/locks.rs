//! Programs whose tasks lock, but not what they should, or not for long enough.

use crate::host::{Host, Lock, Shared, all, each, task};
use std::sync::Arc;

/// Sender and receiver each take seven turns, whether or not there was anything to do in them.
pub async fn circular_buffer<H: Host>() {
    const MAX: i64 = 10;
    struct Buffer {
        lock: Lock,
        cells: [Shared; MAX as usize],
        first: Shared,
        next: Shared,
        send: Shared,
        receive: Shared,
    }
    let buffer = Arc::new(Buffer {
        lock: Lock::new(0),
        cells: std::array::from_fn(|_| Shared::new(1, 0)),
        first: Shared::new(2, 0),
        next: Shared::new(3, 0),
        send: Shared::new(4, 1),
        receive: Shared::new(5, 0),
    });
    let sender = buffer.clone();
    let send = task(async move {
        let b = sender;
        for i in 0..7 {
            let _guard = b.lock.lock::<H>().await;
            if b.send.get::<H>().await == 1 {
                let next = b.next.get::<H>().await;
                b.cells[next as usize].set::<H>(i).await;
                b.next.set::<H>((next + 1) % MAX).await;
                b.send.set::<H>(0).await;
                b.receive.set::<H>(1).await;
            }
        }
    });
    let receive = task(async move {
        let b = buffer;
        for i in 0..7 {
            let _guard = b.lock.lock::<H>().await;
            if b.receive.get::<H>().await == 1 {
                let first = b.first.get::<H>().await;
                b.first.set::<H>(first + 1).await;
                assert_eq!(b.cells[first as usize].get::<H>().await, i);
                b.receive.set::<H>(0).await;
                b.send.set::<H>(1).await;
            }
        }
    });
    all::<H>(vec![send, receive]).await;
}

/// One pushes ten times; the other pops ten times once anything was ever pushed.
pub async fn stack<H: Host>() {
    struct Stack {
        lock: Lock,
        top: Shared,
        flag: Shared,
    }
    let stack = Arc::new(Stack { lock: Lock::new(0), top: Shared::new(1, 0), flag: Shared::new(2, 0) });
    let pusher = stack.clone();
    let push = task(async move {
        for _ in 0..10 {
            let _guard = pusher.lock.lock::<H>().await;
            let top = pusher.top.get::<H>().await;
            assert_ne!(top, 10, "overflow");
            pusher.top.set::<H>(top + 1).await;
            pusher.flag.set::<H>(1).await;
        }
    });
    let pop = task(async move {
        for _ in 0..10 {
            let _guard = stack.lock.lock::<H>().await;
            if stack.flag.get::<H>().await == 1 {
                let top = stack.top.get::<H>().await;
                assert_ne!(top, 0, "underflow");
                stack.top.set::<H>(top - 1).await;
            }
        }
    });
    all::<H>(vec![push, pop]).await;
}

/// One adds 1, one adds 2, and a third must not come last.
pub async fn lazy01<H: Host>() {
    let data = Arc::new((Lock::new(0), Shared::new(1, 0)));
    let mut tasks = each(&data, 2, |data, i| async move {
        let _guard = data.0.lock::<H>().await;
        let value = data.1.get::<H>().await;
        data.1.set::<H>(value + 1 + i as i64).await;
    });
    tasks.push(task(async move {
        let _guard = data.0.lock::<H>().await;
        assert!(data.1.get::<H>().await < 3);
    }));
    all::<H>(tasks).await;
}

/// Two locks in two orders.
pub async fn deadlock01<H: Host>() {
    let locks = Arc::new(([Lock::new(0), Lock::new(1)], Shared::new(2, 1)));
    let tasks = each(&locks, 2, |locks, i| async move {
        let _first = locks.0[i].lock::<H>().await;
        let _second = locks.0[1 - i].lock::<H>().await;
        let counter = locks.1.get::<H>().await;
        locks.1.set::<H>(counter + 1 - 2 * i as i64).await;
    });
    all::<H>(tasks).await;
}

/// One counts under the right lock, seven under another.
pub async fn wronglock<H: Host>() {
    let data = Arc::new((Lock::new(0), Lock::new(1), Shared::new(2, 0)));
    let right = data.clone();
    let mut tasks = vec![task(async move {
        let _guard = right.0.lock::<H>().await;
        let before = right.2.get::<H>().await;
        let value = right.2.get::<H>().await;
        right.2.set::<H>(value + 1).await;
        assert_eq!(right.2.get::<H>().await, before + 1);
    })];
    tasks.extend(each(&data, 7, |data, _| async move {
        let _guard = data.1.lock::<H>().await;
        let value = data.2.get::<H>().await;
        data.2.set::<H>(value + 1).await;
    }));
    all::<H>(tasks).await;
}

/// One string is appended to another: its length is asked under its lock, and its characters under another holding.
pub async fn stringbuffer<H: Host>() {
    struct Text {
        lock: Lock,
        length: Shared,
    }
    let texts = Arc::new([
        Text { lock: Lock::new(0), length: Shared::new(1, 3) },
        Text { lock: Lock::new(2), length: Shared::new(3, 3) },
    ]);
    let other = texts.clone();
    let append = task(async move {
        let [to, from] = &*texts;
        let _guard = to.lock.lock::<H>().await;
        let length = {
            let _guard = from.lock.lock::<H>().await;
            from.length.get::<H>().await
        };
        let _guard = from.lock.lock::<H>().await;
        assert!(length <= from.length.get::<H>().await, "characters past the end");
    });
    let erase = task(async move {
        // It is made, filled and looked at before it is cut.
        for _ in 0..3 {
            let _guard = other[1].lock.lock::<H>().await;
            other[1].length.get::<H>().await;
        }
        let _guard = other[1].lock.lock::<H>().await;
        other[1].length.set::<H>(0).await;
    });
    all::<H>(vec![append, erase]).await;
}

/// `n - 1` tasks write in two stages under two locks; one reads both, and must not come between the stages.
pub async fn twostage<H: Host>(n: usize) {
    let data = Arc::new(([Lock::new(0), Lock::new(1)], [Shared::new(2, 0), Shared::new(3, 0)]));
    let mut tasks = each(&data, n - 1, |data, _| async move {
        let (locks, values) = (&data.0, &data.1);
        {
            let _guard = locks[0].lock::<H>().await;
            values[0].set::<H>(1).await;
        }
        let _guard = locks[1].lock::<H>().await;
        let first = values[0].get::<H>().await;
        values[1].set::<H>(first + 1).await;
    });
    tasks.push(task(async move {
        let (locks, values) = (&data.0, &data.1);
        let first = {
            let _guard = locks[0].lock::<H>().await;
            let first = values[0].get::<H>().await;
            if first == 0 {
                return;
            }
            first
        };
        let _guard = locks[1].lock::<H>().await;
        assert_eq!(values[1].get::<H>().await, first + 1);
    }));
    all::<H>(tasks).await;
}

/// `n` philosophers, each with the left fork first.
pub async fn philosophers<H: Host>(n: usize) {
    let forks: Arc<Vec<Lock>> = Arc::new((0..n).map(|i| Lock::new(i as u32)).collect());
    let tasks = each(&forks, n, |forks, i| async move {
        let _left = forks[i].lock::<H>().await;
        let _right = forks[(i + 1) % forks.len()].lock::<H>().await;
    });
    all::<H>(tasks).await;
}
