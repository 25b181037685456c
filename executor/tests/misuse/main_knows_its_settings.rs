#[executor::main(
    workers = 2,
    threads = 4, //~ without a code: there is no setting `threads`: there are `workers = 4` and `crate = path`
)]
async fn main() {}
