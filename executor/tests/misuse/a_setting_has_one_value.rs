#[executor::main(
    workers =
        4 5 //~ without a code: `workers` is a positive integer: `workers = 4`
)]
async fn main() {}
