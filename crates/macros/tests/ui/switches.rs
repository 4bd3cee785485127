#[raddle::test(snapshot = "true")]
async fn quoted() {}

#[raddle::test(deny_pending = 1)]
async fn number() {}

#[raddle::test(allow_panics = yes)]
async fn word() {}

#[raddle::test(check(true))]
async fn parentheses() {}

fn main() {}
