#[executor::main(
    simulated //~ without a code: there is no setting `simulated`: there are `workers = 4` and `crate = path`
)]
async fn main() {}
