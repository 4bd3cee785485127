//! A program as it is shipped: built without `sim`, it has nothing of raddle in it (see `.ci/run`).

use raddle_smol as smol;

fn main() {
    let answer = smol::block_on(async { smol::unblock(|| 42).await });
    println!("{answer}");
}
