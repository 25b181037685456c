//! `cargo run --release -p benches --bin compare`: this executor side by side with its peers.

/// The system's allocator for every Rust runtime, or mimalloc for every one of them.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    benches::cli::main()
}
