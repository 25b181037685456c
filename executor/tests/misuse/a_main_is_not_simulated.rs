#[executor::main(
    simulate //~ without a code: `main` is not simulated: call `executor::simulate` in a plain `main`
)]
async fn main() {}
