#[raddle::test(blocking(file = "ignore"))]
async fn no_policy() {}

#[raddle::test(blocking(file = allow))]
async fn no_quotes() {}

#[raddle::test(blocking(flie = "allow"))]
async fn misspelt() {}

#[raddle::test(blocking)]
async fn nothing() {}

#[raddle::test(blocking(dns = "deny", dns = "report"))]
async fn twice() {}

#[raddle::test(allow_path(file = "/etc"))]
async fn no_reason() {}

#[raddle::test(allow_path(file = "/etc/*", why = "small"))]
async fn a_pattern() {}

#[raddle::test(allow_path(lock = "/etc", why = "short"))]
async fn no_path() {}

fn main() {}
