#[executor::test(
    simulate,
    seeds //~ without a code: `seeds` needs a number: `seeds = 1000`
)]
async fn a_test() {}

fn main() {}
