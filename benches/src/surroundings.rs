//! Where and with what a comparison is made: machine, date, versions.

use crate::measurements::Machine;
use std::{collections::BTreeMap, env, fs, thread, time::SystemTime};

/// The versions that this program was built with.
const LOCK: &str = include_str!("../../Cargo.lock");

/// What of it is reported.
const PACKAGES: [&str; 14] = [
    "executor",
    "tokio",
    "async-executor",
    "futures",
    "async-io",
    "async-channel",
    "blocking",
    "hyper",
    "waitgroup",
    "awaitgroup",
    "flume",
    "kanal",
    "crossfire",
    "tachyonix",
];

/// The versions of compiler and packages; of `waitgroup` the crate on crates.io.
pub fn versions() -> BTreeMap<String, String> {
    let mut versions: BTreeMap<String, String> = PACKAGES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), locked(LOCK, name)?.to_owned())))
        .collect();
    versions.insert("rustc".to_owned(), env!("BENCHES_RUSTC").to_owned());
    versions
}

/// The version of a package in a Cargo.lock; of two the one from a registry.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let field = |package: &'a str, key: &str| {
        package.lines().find_map(|line| {
            let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
            value.strip_suffix('"')
        })
    };
    let mut packages: Vec<&str> = lock
        .split("[[package]]")
        .filter(|package| field(package, "name") == Some(name))
        .collect();
    packages.sort_by_key(|package| field(package, "source").is_none());
    field(packages.first()?, "version")
}

/// The moment, in UTC.
pub fn date() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// This machine.
pub fn machine() -> Machine {
    let line_of = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        let (_, value) = line.split_once([':', '='])?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = line_of("/etc/os-release", "PRETTY_NAME").unwrap_or(env::consts::OS.to_owned());
    Machine {
        processor: line_of("/proc/cpuinfo", "model name").unwrap_or(env::consts::ARCH.to_owned()),
        cores: thread::available_parallelism().map_or(1, usize::from),
        system: format!("{system}, kernel {}", kernel.trim()),
    }
}

/// What the Rust runtimes allocate with.
pub fn allocator() -> &'static str {
    if cfg!(feature = "mimalloc") {
        "mimalloc"
    } else {
        "system"
    }
}

#[cfg(test)]
mod tests {
    use super::{PACKAGES, locked, versions};

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.2\"\nsource = \"registry\"\n";
        assert_eq!(locked(lock, "a"), Some("1.2"));
        assert_eq!(locked(lock, "b"), Some("0.2"));
        assert_eq!(locked(lock, "c"), None);
    }

    #[test]
    fn every_peer_has_a_version() {
        let versions = versions();
        for package in PACKAGES {
            assert!(versions.contains_key(package), "{package}");
        }
    }
}
