#[executor::test(
    workers
        4 //~ without a code: behind `workers` comes `=`, or a comma
)]
async fn a_test() {}

fn main() {}
