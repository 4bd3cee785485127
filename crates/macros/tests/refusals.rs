//! What `#[raddle::test]` refuses, and what the compiler says then. Here and not beside raddle's other tests, since all that
//! those depend on would be compiled once more.

#[test]
fn refusals() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
