#[executor::main(
    crate = executor,
    crate = ::executor //~ without a code: `crate` is set twice
)]
async fn main() {}
