//! Three clerks share one label printer, a `tower::Service` behind a `tower::buffer::Buffer` that
//! queues one job. There is paper for two labels only.
//!
//! What the buffer promises: when the service fails, its worker ends, and everybody is told: the
//! clerk whose job failed, those whose jobs were still queued, and those that waited for a place in
//! the queue (tower's pull request 480 is about these). In every order two labels are printed and one
//! clerk hears "out of paper".

use raddle::{Explore, Found};
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tower::buffer::Buffer;
use tower::{BoxError, Service, ServiceExt};

pub fn explore(seeds: Explore) -> Found {
    seeds.run(scenario)
}

pub async fn scenario() -> String {
    let (printer, worker) = Buffer::pair(Printer { paper: 2 }, 1);
    raddle::task("printer").spawn(worker).detach();

    let clerks = ["ann", "bob", "eve"].map(|clerk| {
        let mut printer = printer.clone();
        raddle::task(clerk).spawn(async move { printer.ready().await?.call(clerk).await })
    });
    drop(printer);

    let mut refused = Vec::new();
    for (clerk, answer) in ["ann", "bob", "eve"].into_iter().zip(clerks) {
        match answer.await {
            Ok(label) => assert_eq!(label, clerk, "somebody else's label"),
            Err(error) => {
                assert!(error.to_string().contains("out of paper"), "{error}");
                refused.push(clerk);
            }
        }
    }
    assert_eq!(refused.len(), 1);
    format!("no label for {}", refused[0])
}

struct Printer {
    paper: usize,
}

impl Service<&'static str> for Printer {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Ready<Result<&'static str, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.paper {
            0 => Poll::Ready(Err("out of paper".into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: &'static str) -> Self::Future {
        self.paper -= 1;
        ready(Ok(name))
    }
}
