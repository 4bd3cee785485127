//! Data structures without locks, or nearly so.

use crate::host::{Host, Lock, Shared, all, each};
use std::sync::{Arc, Mutex};

/// The work-stealing queue of Cilk's THE protocol with one more element than is safe: owner and thief may take the same.
pub async fn work_stealing<H: Host>() {
    let queue = Arc::new(Queue {
        lock: Lock::new(0),
        head: Shared::new(1, 0),
        tail: Shared::new(2, 0),
        items: Mutex::new(vec![0; 2]),
    });
    let taken: Arc<Vec<Shared>> = Arc::new((0..4).map(|i| Shared::new(3 + i, 0)).collect());
    let (thief, seen) = (queue.clone(), taken.clone());
    let thief = H::spawn(async move {
        for _ in 0..2 {
            if let Some(item) = thief.steal::<H>().await {
                seen[item].add::<H>(1).await;
            }
        }
    });
    for i in 0..2 {
        queue.push::<H>(2 * i).await;
        queue.push::<H>(2 * i + 1).await;
        if let Some(item) = queue.pop::<H>().await {
            taken[item].add::<H>(1).await;
        }
    }
    for _ in 0..2 {
        if let Some(item) = queue.pop::<H>().await {
            taken[item].add::<H>(1).await;
        }
    }
    thief.await;
    for item in taken.iter() {
        assert_eq!(item.peek(), 1, "each is taken once");
    }
}

struct Queue {
    lock: Lock,
    head: Shared,
    tail: Shared,
    items: Mutex<Vec<usize>>,
}

impl Queue {
    fn mask(&self) -> i64 {
        self.items.lock().unwrap().len() as i64 - 1
    }

    fn item(&self, at: i64) -> usize {
        let items = self.items.lock().unwrap();
        items[at as usize & (items.len() - 1)]
    }

    async fn steal<H: Host>(&self) -> Option<usize> {
        let _guard = self.lock.lock::<H>().await;
        let head = self.head.get::<H>().await;
        self.head.set::<H>(head + 1).await;
        if head < self.tail.get::<H>().await {
            return Some(self.item(head));
        }
        self.head.set::<H>(head).await;
        None
    }

    async fn pop<H: Host>(&self) -> Option<usize> {
        let tail = self.tail.get::<H>().await - 1;
        self.tail.set::<H>(tail).await;
        if self.head.get::<H>().await <= tail {
            return Some(self.item(tail));
        }
        self.tail.set::<H>(tail + 1).await;
        let _guard = self.lock.lock::<H>().await;
        let tail = self.tail.get::<H>().await - 1;
        self.tail.set::<H>(tail).await;
        let mut found = None;
        if self.head.get::<H>().await <= tail {
            found = Some(self.item(tail));
        } else {
            self.tail.set::<H>(tail + 1).await;
        }
        if self.head.get::<H>().await > tail {
            self.head.set::<H>(0).await;
            self.tail.set::<H>(0).await;
            found = None;
        }
        found
    }

    async fn push<H: Host>(&self, item: usize) {
        let tail = self.tail.get::<H>().await;
        // The bug: one element more than can be told apart.
        if tail < self.head.get::<H>().await + self.mask() + 1 {
            self.put(tail, item);
            self.tail.set::<H>(tail + 1).await;
            return;
        }
        let _guard = self.lock.lock::<H>().await;
        let head = self.head.get::<H>().await;
        let count = self.tail.get::<H>().await - head;
        let mask = self.mask();
        let head = head & mask;
        self.head.set::<H>(head).await;
        self.tail.set::<H>(head + count).await;
        if count >= mask {
            let larger: Vec<usize> =
                (0..2 * (mask + 1)).map(|i| if i < count { self.item(head + i) } else { 0 }).collect();
            *self.items.lock().unwrap() = larger;
            self.head.set::<H>(0).await;
            self.tail.set::<H>(count).await;
        }
        let tail = self.tail.get::<H>().await;
        self.put(tail, item);
        self.tail.set::<H>(tail + 1).await;
    }

    fn put(&self, at: i64, item: usize) {
        let mask = self.mask();
        self.items.lock().unwrap()[(at & mask) as usize] = item;
    }
}

/// Vyukov's SafeStack: three tasks pop and push twice each, and two may come to hold the same element.
pub async fn safe_stack<H: Host>() {
    struct Stack {
        head: Shared,
        count: Shared,
        next: [Shared; 3],
        owner: [Shared; 3],
    }
    impl Stack {
        async fn pop<H: Host>(&self) -> Option<usize> {
            while self.count.get::<H>().await > 1 {
                let head = self.head.get::<H>().await;
                let next = self.next[head as usize].swap::<H>(-1).await;
                if next >= 0 {
                    if self.head.exchange::<H>(head, next).await.is_ok() {
                        self.count.add::<H>(-1).await;
                        return Some(head as usize);
                    }
                    self.next[head as usize].swap::<H>(next).await;
                }
            }
            None
        }

        async fn push<H: Host>(&self, index: usize) {
            let mut head = self.head.get::<H>().await;
            loop {
                self.next[index].set::<H>(head).await;
                match self.head.exchange::<H>(head, index as i64).await {
                    Ok(_) => break,
                    Err(now) => head = now,
                }
            }
            self.count.add::<H>(1).await;
        }
    }
    let stack = Arc::new(Stack {
        head: Shared::new(0, 0),
        count: Shared::new(1, 3),
        next: std::array::from_fn(|i| Shared::new(2 + i as u32, if i < 2 { i as i64 + 1 } else { -1 })),
        owner: std::array::from_fn(|i| Shared::new(5 + i as u32, -1)),
    });
    let tasks = each(&stack, 3, |stack, me| async move {
        for _ in 0..2 {
            let element = loop {
                if let Some(element) = stack.pop::<H>().await {
                    break element;
                }
            };
            stack.owner[element].set::<H>(me as i64).await;
            assert_eq!(stack.owner[element].get::<H>().await, me as i64, "somebody else has it, too");
            stack.push::<H>(element).await;
        }
    });
    all::<H>(tasks).await;
}
