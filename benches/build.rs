//! Notes which compiler builds the benchmarks, for the reports, and for which target, for
//! `compare`, which builds more.

use std::{env, process::Command};

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    println!("cargo::rustc-env=BENCHES_RUSTC={}", version.trim());
    let target = env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=BENCHES_TARGET={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
