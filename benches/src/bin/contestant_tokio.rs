//! The program in which `compare` measures tokio; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
