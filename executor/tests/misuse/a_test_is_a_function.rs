#[executor::test] //~ without a code: `#[executor::test]` is for async functions
mod a_test {}

fn main() {}
