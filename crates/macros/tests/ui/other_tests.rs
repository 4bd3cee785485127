#[raddle::test]
#[test]
async fn below() {}

#[raddle::test(seeds = 0)]
#[should_panic]
#[core::prelude::v1::test]
async fn by_its_path() {}

#[raddle::test]
#[raddle::test(seeds = 5)]
async fn twice() {}

fn main() {}
