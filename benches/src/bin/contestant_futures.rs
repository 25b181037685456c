//! The program in which `compare` measures futures' `ThreadPool`; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
