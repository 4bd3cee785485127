#[raddle::test(strategy = "lifo")]
async fn unknown() {}

#[raddle::test(strategy = "pct")]
async fn no_depth() {}

#[raddle::test(strategy = "pct:0")]
async fn depth_of_nothing() {}

#[raddle::test(strategy = "pct:65")]
async fn too_deep() {}

#[raddle::test(strategy = "pct:3@0")]
async fn no_length() {}

#[raddle::test(strategy = fifo)]
async fn no_quotes() {}

#[raddle::test(strategy = 3)]
async fn number() {}

fn main() {}
