#[executor::main(
    4 //~ without a code: a setting begins with its name: there are `workers = 4` and `crate = path`
)]
async fn main() {}
