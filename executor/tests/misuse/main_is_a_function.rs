#[executor::main] //~ without a code: `#[executor::main]` is for async functions
struct Main;

fn main() {}
