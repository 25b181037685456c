//! The programs that are measured: one for each Rust runtime, built with the dependencies that its users
//! have and no others. In one program for all, each would have the features that any of them asks of
//! the packages that they share.

use crate::contestant::Contestant;
use std::{
    collections::BTreeSet,
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

/// The one in which a contestant is measured; Go's is not built by cargo.
fn of(contestant: Contestant) -> Option<Program> {
    let (name, feature) = match contestant {
        Contestant::Executor
        | Contestant::ExecutorDefault
        | Contestant::WaitgroupCrate
        | Contestant::Awaitgroup => ("contestant-executor", ""),
        Contestant::Tokio => ("contestant-tokio", "tokio"),
        Contestant::AsyncExecutor | Contestant::StaticExecutor => {
            ("contestant-async-executor", "async-executor")
        }
        Contestant::Futures => ("contestant-futures", "futures-pool"),
        Contestant::Go => return None,
    };
    Some(Program { name, feature })
}

/// The programs, beside the one that is running.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds those of these contestants, as this program was built: in the same folder, with the same
    /// profile and allocator.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or fails. It has said why on standard error.
    pub fn build(contestants: &[Contestant]) -> Result<Programs, String> {
        let running =
            env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        let folder = running.parent().unwrap_or(Path::new("."));
        let programs: BTreeSet<Program> = contestants.iter().copied().filter_map(of).collect();
        for program in programs {
            program.build(folder)?;
        }
        Ok(Programs {
            folder: folder.to_owned(),
        })
    }

    /// The path of the program in which a contestant is measured, unless that is Go's.
    pub fn path(&self, contestant: Contestant) -> Option<PathBuf> {
        let name = of(contestant)?.name;
        Some(
            self.folder
                .join(format!("{name}{}", env::consts::EXE_SUFFIX)),
        )
    }
}

impl Program {
    fn build(self, folder: &Path) -> Result<(), String> {
        let Program { name, feature } = self;
        let no_folder = || format!("{} is no folder that cargo builds in", folder.display());
        let target = folder.parent().ok_or_else(no_folder)?;
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
        let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--bin", name, "--profile", profile])
            .args(["--no-default-features", "--features", &features])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("cargo, to build {name}, did not start: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("cargo could not build {name}: {status}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::contestant::Contestant;
    use clap::ValueEnum;

    #[test]
    fn every_contestant_has_a_program_that_this_package_has() {
        let manifest = include_str!("../Cargo.toml");
        for program in Contestant::value_variants().iter().copied().filter_map(of) {
            assert!(manifest.contains(&format!("name = \"{}\"", program.name)));
            let feature = format!("\n{} = [", program.feature);
            assert!(program.feature.is_empty() || manifest.contains(&feature));
        }
    }
}
