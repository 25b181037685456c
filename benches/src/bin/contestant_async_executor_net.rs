//! The program in which `compare` measures smol's executors with async-io's sockets; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
