//! The program in which `compare` measures the channels of all crates, on this project's executor;
//! see `programs`.

fn main() -> std::process::ExitCode {
    benches::child::main()
}
