#[executor::test]
async fn a_test<T>() {} //~ without a code: a test has no type parameters: nobody calls it with any

fn main() {}
