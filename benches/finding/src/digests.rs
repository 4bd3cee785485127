//! What a strategy deals: a digest of the schedules of its seeds, to see whether a change deals them anew.

use crate::by_raddle::Raddle;
use crate::programs;
use raddle::{Access, Check, Explore, StrategyKind};
use std::pin::Pin;
use std::time::Duration;

/// Prints the digest of `runs` seeds of each program, and of one with timers, jobs and a stall, under each strategy.
pub fn table(strategies: &[StrategyKind], runs: u64, is_wanted: impl Fn(&str) -> bool) {
    for strategy in strategies {
        let explore = || {
            let explore = Explore::new().seeds(0..runs).strategy(strategy.clone());
            explore.check(Check::Off).shrink_budget(0)
        };
        for program in programs::all::<Raddle>().iter().filter(|program| is_wanted(program.name)) {
            println!("{strategy} {} {}", program.name, explore().run(program.start).digest());
        }
        println!("{strategy} mixed {}", explore().run(mixed).digest());
        let stalled = explore().stall_up_to(Duration::from_millis(5));
        println!("{strategy} mixed, stalled {}", stalled.run(mixed).digest());
    }
}

/// Tasks that sleep, block, wake and spawn others, announce what they do, and come and go.
async fn mixed() -> u32 {
    fn branch(depth: u32, n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            let access = if n.is_multiple_of(2) { Access::Write } else { Access::Read };
            for step in 0..n % 5 {
                if step % 2 == 0 {
                    raddle::announce(u64::from(n % 3), access);
                }
                raddle::yield_now().await;
            }
            if n.is_multiple_of(3) {
                raddle::sleep(Duration::from_millis(u64::from(n % 4))).await;
            }
            if n % 7 == 6 {
                raddle::unblock(move || n).await;
            }
            if depth == 0 {
                return raddle::choose(3);
            }
            let children: Vec<_> = (0..3).map(|child| raddle::spawn(branch(depth - 1, 3 * n + child + 1))).collect();
            let mut sum = 0;
            for child in children {
                sum += child.await;
            }
            sum
        })
    }
    branch(3, 1).await
}
