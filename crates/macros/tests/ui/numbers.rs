#[raddle::test(seeds = 0)]
async fn none() {}

#[raddle::test(seeds = -5)]
async fn negative() {}

#[raddle::test(seeds = "500")]
async fn quoted() {}

#[raddle::test(seeds = 1e6)]
async fn float() {}

#[raddle::test(seeds = 500u64)]
async fn suffix() {}

#[raddle::test(seeds = 18446744073709551616)]
async fn too_large() {}

const SEEDS: u64 = 500;

#[raddle::test(seeds = SEEDS)]
async fn constant() {}

#[raddle::test(strategy = "fifo", max_steps = 0)]
async fn no_steps() {}

#[raddle::test(pool_threads = 10_001)]
async fn too_many_threads() {}

#[raddle::test(pool_threads = true)]
async fn switch() {}

fn main() {
    let _ = SEEDS;
}
