#[executor::test(
    simulate =
        true //~ without a code: `simulate` has no value: `simulate`, or `simulate, seeds = 1000`
)]
async fn a_test() {}

fn main() {}
