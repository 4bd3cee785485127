#[raddle::test]
fn not_async() {}

#[raddle::test]
const fn constant() {}

#[raddle::test]
async unsafe fn unsafely() {}

#[raddle::test]
async extern "C" fn external() {}

#[raddle::test]
async fn generic<T: Default>() {}

#[raddle::test]
async fn lifetime<'a>() {}

#[raddle::test]
async fn arguments(seed: u64, more: bool) {}

#[raddle::test]
async fn variadic(first: u8, _: ...) {}

#[raddle::test]
async fn returns_a_trait() -> Result<(), impl std::fmt::Debug> {
    Ok::<(), ()>(())
}

#[raddle::test]
async fn bounded()
where
    u8: Copy,
{
}

#[raddle::test]
async fn without_a_body();

struct Bank;

impl Bank {
    #[raddle::test]
    async fn method(&self) {}

    #[raddle::test]
    async fn boxed(self: Box<Self>) {}
}

#[raddle::test]
struct Item;

fn main() {
    let _ = (Bank, Item);
}
