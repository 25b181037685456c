#[executor::main]
async fn begin<T>() {} //~ without a code: `main` has no type parameters: nobody calls it with any

fn main() {}
