#[executor::test(
    simulate,
    seeds =
        0 //~ without a code: `seeds` is a positive integer: `seeds = 1000`
)]
async fn a_test() {}

fn main() {}
