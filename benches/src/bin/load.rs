//! The program that loads the servers of the rows with sockets; see `load`.

fn main() -> std::process::ExitCode {
    benches::load::main()
}
