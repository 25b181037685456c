#[executor::test]
fn a_test() {} //~ without a code: `#[executor::test]` is for async functions: this one lacks the word `async`

fn main() {}
