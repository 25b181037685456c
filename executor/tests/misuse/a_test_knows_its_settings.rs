#[executor::test(
    flavor = "multi_thread", //~ without a code: there is no setting `flavor`: there are `workers = 4`, `simulate`, `seeds = 1000` and `crate = path`
    workers = 2
)]
async fn a_test() {}

fn main() {}
