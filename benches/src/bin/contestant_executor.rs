//! The program in which `compare` measures this project's executor, and every `WaitGroup`; see
//! `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
