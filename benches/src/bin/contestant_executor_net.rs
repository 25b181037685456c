//! The program in which `compare` measures this project's executor with its sockets; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
