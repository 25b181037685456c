#[executor::test(
    simulate,
    simulate //~ without a code: `simulate` is set twice
)]
async fn a_test() {}

fn main() {}
