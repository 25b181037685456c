#[executor::test]
#[test] //~ without a code: `#[executor::test]` makes a test of the function: remove `#[test]`
async fn a_test() {}

fn main() {}
