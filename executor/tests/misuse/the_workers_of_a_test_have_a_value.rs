#[executor::test(
    workers //~ without a code: `workers` needs a number: `workers = 4`
)]
async fn a_test() {}

fn main() {}
