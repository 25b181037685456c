#[executor::main(
    workers =
        0 //~ without a code: `workers` is a positive integer: `workers = 4`
)]
async fn main() {}
