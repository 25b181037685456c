#[executor::test(
    crate =
        "executor" //~ without a code: `crate` is a path, without quotes: `crate = path`
)]
async fn a_test() {}

fn main() {}
