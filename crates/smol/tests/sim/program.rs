//! A program written for smol, and nothing but smol, as a test of raddle.

/// The program. Nothing in here knows that it is simulated.
mod app {
    use smol::channel::{Receiver, bounded};
    use smol::lock::Mutex;
    use smol::{Executor, Timer, future, stream::StreamExt};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    async fn producer(name: &'static str, lines: smol::channel::Sender<String>) {
        for n in 0..3 {
            Timer::after(Duration::from_millis(10)).await;
            lines.send(format!("{name} {n}")).await.expect("the consumer is there");
        }
    }

    async fn consumer(lines: Receiver<String>, log: Arc<Mutex<Vec<String>>>) {
        while let Ok(line) = lines.recv().await {
            let stored = smol::unblock(move || line.to_uppercase()).await;
            log.lock().await.push(stored);
        }
    }

    pub fn main() -> Vec<String> {
        let executor = Executor::new();
        let log = Arc::new(Mutex::new(Vec::new()));
        smol::block_on(executor.run(async {
            let (sender, receiver) = bounded(1);
            let consuming = executor.spawn(consumer(receiver, log.clone()));
            smol::spawn(producer("a", sender.clone())).detach();
            executor.spawn(producer("b", sender)).detach();
            let beginning = Instant::now();
            let mut ticks = Timer::interval(Duration::from_secs(1)).take(60);
            let waited = future::zip(consuming, async { while ticks.next().await.is_some() {} });
            waited.await;
            assert!(beginning.elapsed() >= Duration::from_secs(60));
        }));
        Arc::into_inner(log).expect("all others are done").into_inner()
    }
}

#[raddle::test]
async fn runs_as_a_thread_of_the_world() {
    let mut lines = smol::unblock(app::main).await;
    lines.sort();
    assert_eq!(lines, ["A 0", "A 1", "A 2", "B 0", "B 1", "B 2"]);
}

#[test]
fn is_explored() {
    assert!(super::explore(|| smol::unblock(app::main)) > 3, "different seeds, different orders");
}

/// Outside a run the same names are the real smol.
#[test]
fn outside_a_run_it_is_smol() {
    smol::block_on(async {
        let mut task = smol::spawn(async { smol::unblock(|| 42).await });
        assert_eq!(smol::future::poll_once(&mut task).await, None);
        assert_eq!(task.await, 42);
        let before = std::time::Instant::now();
        let at = before + std::time::Duration::from_millis(2);
        assert_eq!(smol::Timer::at(at).await, at);
        assert!(std::time::Instant::now() >= at);
        let executor = smol::Executor::new();
        assert_eq!(executor.run(executor.spawn(async { 7 })).await, 7);
    });
}
