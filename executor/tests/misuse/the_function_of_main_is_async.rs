#[executor::main]
fn main() {} //~ without a code: `#[executor::main]` is for async functions: this one lacks the word `async`
