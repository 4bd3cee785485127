#[raddle::test(sed = 5)]
async fn misspelled() {}

#[raddle::test(flavor = "multi_thread")]
async fn unknown() {}

#[raddle::test(seeds = 5, snapshot, seeds = 6)]
async fn twice() {}

#[raddle::test(seeds)]
async fn no_value() {}

#[raddle::test(seeds =)]
async fn no_value_after_all() {}

#[raddle::test(seeds(500))]
async fn parentheses() {}

#[raddle::test(seeds = 5 seed = 3)]
async fn no_comma() {}

#[raddle::test("pct:3")]
async fn no_name() {}

#[raddle::test(crate = "not a path")]
async fn no_path() {}

#[raddle::test(crate = 5)]
async fn number_for_a_path() {}

fn main() {}
