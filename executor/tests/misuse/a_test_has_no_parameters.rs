#[executor::test]
async fn a_test(_: u32) {} //~ without a code: a test has no parameters: nobody calls it with any

fn main() {}
