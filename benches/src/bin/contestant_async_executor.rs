//! The program in which `compare` measures smol's executors; see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
