//! `cargo run --release -p benches --bin compare`: this executor side by side with its peers.

fn main() -> std::process::ExitCode {
    benches::cli::main()
}
