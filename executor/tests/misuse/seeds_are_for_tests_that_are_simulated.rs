#[executor::test(
    seeds = 1000 //~ without a code: `seeds` is for tests that are simulated: `simulate, seeds = 1000`
)]
async fn a_test() {}

fn main() {}
