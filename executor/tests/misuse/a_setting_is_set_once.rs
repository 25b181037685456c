#[executor::main(
    workers = 2,
    workers = 3 //~ without a code: `workers` is set twice
)]
async fn main() {}
