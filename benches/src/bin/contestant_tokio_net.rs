//! The program in which `compare` measures tokio with its sockets; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
