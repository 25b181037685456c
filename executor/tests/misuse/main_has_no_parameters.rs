#[executor::main]
async fn begin(_: u32) {} //~ without a code: `main` has no parameters: nobody calls it with any

fn main() {}
