#[executor::main(
    workers =
        -1 //~ without a code: `workers` is a positive integer: `workers = 4`
)]
async fn main() {}
