#[executor::test(
    workers =
        WORKERS //~ without a code: `workers` is a positive integer: `workers = 4`
)]
async fn a_test() {}

fn main() {}
