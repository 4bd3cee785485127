#[raddle::test(seed = "random")]
async fn random() {}

#[raddle::test(seed = "2f")]
async fn hex_without_its_mark() {}

#[raddle::test(seed = -1)]
async fn negative() {}

#[raddle::test(seed = 18446744073709551616)]
async fn too_large() {}

#[raddle::test(seed = "0x1ffffffffffffffff")]
async fn too_large_in_hex() {}

#[raddle::test(seed = "8b137891791fe96927ad78e64b0aad7bded08bd")]
async fn commit_of_39_digits() {}

fn main() {}
