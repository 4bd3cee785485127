// What only the refused function uses stays used, and no other error follows.
#![deny(warnings)]

use std::collections::HashMap;

fn helper() -> HashMap<u8, u8> {
    HashMap::new()
}

#[raddle::test(seeds = 0)]
#[ignore]
#[should_panic(expected = "no")]
async fn refused() -> Result<(), String> {
    drop(helper());
    std::future::ready(Ok(())).await
}

fn main() {
    helper();
}
