//! The programs that are measured: one for each Rust runtime, built with what it and the workloads
//! depend on, and without the other peers. In one program for all, each would have the features
//! that any of them asks of the packages that they share. Channels know no runtime, and share a
//! program.

use crate::{contestant::Contestant, workload::Group};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A program, and the feature of this package that it is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Program {
    name: &'static str,
    feature: &'static str,
}

/// The one that loads the servers.
const LOAD: Program = Program {
    name: "load",
    feature: "load",
};

/// The one in which a contestant is measured; Go's is not built by cargo.
///
/// With sockets, a runtime may do more where it has nothing to do. So all else is measured without.
fn of(contestant: Contestant, group: Group) -> Option<Program> {
    let sockets = group == Group::Sockets;
    let (name, feature) = match contestant {
        Contestant::Executor if sockets => ("contestant-executor-net", "executor-net"),
        Contestant::ExecutorNet => ("contestant-executor-net", "executor-net"),
        Contestant::Tokio if sockets => ("contestant-tokio-net", "tokio-net"),
        Contestant::AsyncExecutor if sockets => ("contestant-async-executor-net", "smol-net"),
        Contestant::Executor
        | Contestant::ExecutorDefault
        | Contestant::WaitgroupCrate
        | Contestant::Awaitgroup => ("contestant-executor", ""),
        Contestant::Tokio => ("contestant-tokio", "tokio"),
        Contestant::AsyncExecutor | Contestant::StaticExecutor => {
            ("contestant-async-executor", "async-executor")
        }
        Contestant::Futures => ("contestant-futures", "futures-pool"),
        Contestant::AsyncChannel
        | Contestant::Flume
        | Contestant::Kanal
        | Contestant::Crossfire
        | Contestant::Tachyonix
        | Contestant::TokioSync
        | Contestant::FuturesMpsc => ("contestant-channels", "channels"),
        Contestant::Go => return None,
    };
    Some(Program { name, feature })
}

/// The programs that have been built.
#[derive(Clone, Debug)]
pub struct Programs {
    paths: BTreeMap<Program, PathBuf>,
}

impl Programs {
    /// Builds those of these contestants in these groups, as this program was built: in the same
    /// folder, with the same profile and allocator.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or fails. It has said why on standard error.
    pub fn build(
        contestants: impl IntoIterator<Item = (Contestant, Group)>,
    ) -> Result<Programs, String> {
        let running =
            env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        let folder = running.parent().unwrap_or(Path::new("."));
        let needed = |(contestant, group)| {
            let load = (group == Group::Sockets).then_some(LOAD);
            of(contestant, group).into_iter().chain(load)
        };
        let programs: BTreeSet<Program> = contestants.into_iter().flat_map(needed).collect();
        let paths = programs
            .into_iter()
            .map(|program| Ok((program, program.build(folder)?)))
            .collect::<Result<_, String>>()?;
        Ok(Programs { paths })
    }

    /// The path of the program in which a contestant is measured, unless that is Go's.
    ///
    /// # Panics
    ///
    /// If it was not among those whose programs were built.
    pub fn path(&self, contestant: Contestant, group: Group) -> Option<&Path> {
        Some(&self.paths[&of(contestant, group)?])
    }

    /// The path of the program that loads the servers.
    ///
    /// # Panics
    ///
    /// If none of those that were built serves.
    pub fn load(&self) -> &Path {
        &self.paths[&LOAD]
    }
}

impl Program {
    /// The path of the program.
    fn build(self, folder: &Path) -> Result<PathBuf, String> {
        let Program { name, feature } = self;
        let no_folder = || format!("{} is no folder that cargo builds in", folder.display());
        let mut target = folder.parent().ok_or_else(no_folder)?;
        let profile = match folder.file_name().ok_or_else(no_folder)?.to_str() {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => return Err(no_folder()),
        };
        let features = if cfg!(feature = "mimalloc") {
            format!("{feature},mimalloc")
        } else {
            feature.to_owned()
        };
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--bin", name, "--profile", profile]);
        // There is a folder of that name if cargo was told the target.
        if target.ends_with(env!("BENCHES_TARGET")) {
            target = target.parent().ok_or_else(no_folder)?;
            cargo.args(["--target", env!("BENCHES_TARGET")]);
        }
        let output = cargo
            .args(["--no-default-features", "--features", &features])
            .args(["--message-format", "json-render-diagnostics"])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo, to build {name}, did not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo could not build {name}: {}", output.status));
        }
        executable(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| format!("cargo does not say where {name} is"))
    }
}

/// Where the program is, by cargo's messages. Not just where it should be: a configured build
/// target puts it into another folder, and a program of that name, with all features, may be there
/// from before.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    })
}

#[cfg(test)]
mod tests {
    use super::{LOAD, executable, of};
    use crate::{contestant::Contestant, workload::Group};
    use clap::ValueEnum;
    use std::path::Path;

    #[test]
    fn every_contestant_has_a_program_that_this_package_has() {
        let manifest = include_str!("../Cargo.toml");
        let programs = Group::ALL.map(|group| {
            let contestants = Contestant::value_variants().iter();
            contestants.filter_map(move |contestant| of(*contestant, group))
        });
        for program in programs.into_iter().flatten().chain([LOAD]) {
            assert!(manifest.contains(&format!("name = \"{}\"", program.name)));
            let feature = format!("\n{} = [", program.feature);
            assert!(program.feature.is_empty() || manifest.contains(&feature));
        }
    }

    #[test]
    fn cargo_says_where_the_program_is() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/a/b\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages).as_deref(), Some(Path::new("/a/b")));
        assert_eq!(executable("{}\nno JSON\n"), None);
    }
}
