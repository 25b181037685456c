#[executor::main(
    crate //~ without a code: `crate` needs a path: `crate = path`
)]
async fn main() {}
