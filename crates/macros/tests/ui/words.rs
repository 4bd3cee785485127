#[raddle::test(boundary = "on")]
async fn another_word() {}

#[raddle::test(boundary)]
async fn no_word() {}

#[raddle::test(boundary = required)]
async fn no_quotes() {}

fn main() {}
