//! What the attributes of the feature `macros` call.

use crate::{
    builder::Builder,
    free::block_on,
    scheduler::task::is_large,
    sim::{Failure, Simulation},
};
use std::{fmt::Debug, future::Future, process::ExitCode};

/// Runs the future of a `main`: with a number of workers for the default executor, if there is one.
#[track_caller]
pub fn main<F: Future>(workers: Option<usize>, main: F) -> F::Output {
    if let Some(workers) = workers {
        let started = Builder::new().workers(workers).build_global();
        if let Err(error) = started {
            panic!("the default executor cannot start: {error}");
        }
    }
    block_on(main)
}

/// Runs the future of a test on an executor of its own, which ends with it.
#[track_caller]
pub fn test<F: Future>(workers: Option<usize>, test: F) -> F::Output {
    let mut builder = Builder::new();
    if let Some(workers) = workers {
        builder = builder.workers(workers);
    }
    match builder.build() {
        Ok(executor) => executor.block_on(test),
        Err(error) => panic!("the test's executor cannot start: {error}"),
    }
}

/// Runs a test in a simulation, with so many seeds. If one fails, says which line replays it.
#[track_caller]
pub fn simulate<F, Fut>(
    place: Place,
    workers: Option<usize>,
    seeds: Option<u64>,
    test: F,
) -> Fut::Output
where
    F: Fn() -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let mut simulation = Simulation::new();
    if let Some(workers) = workers {
        simulation = simulation.workers(workers);
    }
    if let Some(seeds) = seeds {
        simulation = simulation.seeds(seeds);
    }
    // What awaits a large future copies it on the stack.
    let result = if const { is_large::<Fut>() } {
        run_checked(&simulation, || Box::pin(test()))
    } else {
        run_checked(&simulation, test)
    };
    match result {
        Ok(outcome) => outcome,
        Err(failure) => {
            let replay = place.replay(failure.seed());
            panic!("{failure}, as here:\n\n    {replay}\n")
        }
    }
}

#[track_caller]
fn run_checked<F, Fut>(simulation: &Simulation, test: F) -> Result<Fut::Output, Failure>
where
    F: Fn() -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    simulation.run(|| async {
        let outcome = test().await;
        outcome.check();
        outcome
    })
}

/// What a simulated test may return: whatever a test may, unless the type is the user's own.
#[diagnostic::on_unimplemented(
    message = "a simulated test cannot return `{Self}`",
    label = "neither `()` nor a `Result` nor an `ExitCode`",
    note = "for another outcome call `executor::sim::Simulation` in a plain test"
)]
pub trait Outcome {
    /// Panics if it is a failure.
    fn check(&self);
}

impl Outcome for () {
    fn check(&self) {}
}

impl Outcome for ExitCode {
    fn check(&self) {
        assert!(*self == ExitCode::SUCCESS, "the test returned {self:?}");
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn check(&self) {
        match self {
            Ok(outcome) => outcome.check(),
            Err(error) => panic!("the test returned an error: {error:?}"),
        }
    }
}

/// Where a test is; `__place` makes one of what the compiler and cargo say.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// What cargo calls the package, if cargo compiles it.
    pub package: Option<&'static str>,
    /// What cargo calls the binary, if it is one.
    pub binary: Option<&'static str>,
    /// From the workspace's root, or the package's.
    pub file: &'static str,
    /// The crate's name first.
    pub module: &'static str,
    /// The function.
    pub name: &'static str,
}

/// See [`Place`].
#[doc(hidden)]
#[macro_export]
macro_rules! __place {
    ($name:literal) => {
        $crate::__macros::Place {
            package: ::core::option_env!("CARGO_PKG_NAME"),
            binary: ::core::option_env!("CARGO_BIN_NAME"),
            file: ::core::file!(),
            module: ::core::module_path!(),
            name: $name,
        }
    };
}

impl Place {
    /// The line that runs this test, and no other, with one seed. As far as can be told: cargo
    /// does not say which features it was asked for.
    fn replay(&self, seed: u64) -> String {
        let (krate, path) = match self.module.split_once("::") {
            Some((krate, path)) => (krate, format!("{path}::{}", self.name)),
            None => (self.module, self.name.to_owned()),
        };
        let Some(package) = self.package else {
            return format!("EXECUTOR_SEED={seed}, for {path}");
        };
        let target = self.target(package, krate);
        format!("EXECUTOR_SEED={seed} cargo test -p {package} {target}{path} -- --exact")
    }

    /// The option that selects what the test is compiled into; none if that cannot be told: then
    /// cargo looks for the test in all of the package.
    fn target(&self, package: &str, krate: &str) -> String {
        let is_krate = |name: &str| name.replace('-', "_") == krate;
        let parts: Vec<_> = self.file.split(['/', '\\']).collect();
        if parts.contains(&"..") {
            // An attribute `path` leads out of the folder that would say it.
            return String::new();
        }
        let mut may_be_elsewhere = false;
        // From the file outwards: a package may be in another's folder.
        for pair in parts.windows(2).rev() {
            let (folder, inside) = (pair[0], pair[1]);
            let option = match (folder, self.binary) {
                ("src", Some(binary)) => return format!("--bin {binary} "),
                ("src", None) if may_be_elsewhere && !is_krate(package) => break,
                ("src", None) => return "--lib ".to_owned(),
                ("tests", None) => "--test",
                ("benches", None) => "--bench",
                ("examples", Some(_)) => "--example",
                _ => continue,
            };
            // Such a target has the name of its file, or of its folder.
            let target = inside.strip_suffix(".rs").unwrap_or(inside);
            if is_krate(target) {
                return format!("{option} {target} ");
            }
            // A module's folder, or the manifest gives the target another name.
            may_be_elsewhere = true;
        }
        String::new()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::Place;

    const TEST: Place = Place {
        package: Some("my-bank"),
        binary: None,
        file: "bank/tests/big-transfers.rs",
        module: "big_transfers::abroad",
        name: "arrives",
    };

    #[test]
    fn the_line_that_replays_names_package_target_and_test() {
        let with = |change: &dyn Fn(&mut Place)| {
            let mut place = TEST;
            change(&mut place);
            place.replay(42)
        };
        assert_eq!(
            with(&|_| {}),
            "EXECUTOR_SEED=42 cargo test -p my-bank --test big-transfers abroad::arrives -- --exact"
        );
        let in_folder = |place: &mut Place| {
            (place.file, place.module) = (r"tests\transfers\abroad.rs", "transfers");
        };
        assert_eq!(
            with(&in_folder),
            "EXECUTOR_SEED=42 cargo test -p my-bank --test transfers arrives -- --exact"
        );
        let of_library = |place: &mut Place| {
            (place.file, place.module) = ("bank/src/tests/vault.rs", "my_bank::tests");
        };
        assert_eq!(
            with(&of_library),
            "EXECUTOR_SEED=42 cargo test -p my-bank --lib tests::arrives -- --exact"
        );
        let of_binary = |place: &mut Place| {
            (place.file, place.module) = ("bank/src/main.rs", "teller");
            place.binary = Some("teller");
        };
        assert_eq!(
            with(&of_binary),
            "EXECUTOR_SEED=42 cargo test -p my-bank --bin teller arrives -- --exact"
        );
        let without_cargo = |place: &mut Place| place.package = None;
        assert_eq!(
            with(&without_cargo),
            "EXECUTOR_SEED=42, for abroad::arrives"
        );
    }

    #[test]
    fn the_last_folder_that_holds_targets_says_which_it_is() {
        let target = |file, krate| Place { file, ..TEST }.target("my-bank", krate);
        let of_binary = |file, binary: &'static str| {
            let place = Place {
                binary: Some(binary),
                file,
                ..TEST
            };
            place.target("my-bank", &binary.replace('-', "_"))
        };
        // The manifest gives the library another name.
        assert_eq!(target("src/lib.rs", "vault"), "--lib ");
        assert_eq!(target("src/tests/vault.rs", "my_bank"), "--lib ");
        // A package in another's folder.
        assert_eq!(target("tests/e2e/src/lib.rs", "e2e"), "--lib ");
        assert_eq!(target("tests/e2e/tests/all.rs", "all"), "--test all ");
        assert_eq!(
            of_binary("examples/show/src/main.rs", "show"),
            "--bin show "
        );
        assert_eq!(
            target("benches/big-sums.rs", "big_sums"),
            "--bench big-sums "
        );
        assert_eq!(
            of_binary("examples/show-it.rs", "show-it"),
            "--example show-it "
        );
        assert_eq!(
            of_binary("examples/show/main.rs", "show"),
            "--example show "
        );
        assert_eq!(
            of_binary("src/bin/teller/main.rs", "teller"),
            "--bin teller "
        );
        // In doubt, none: what several tests share, another name, another place.
        assert_eq!(target("tests/common/mod.rs", "transfers"), "");
        assert_eq!(target("src/bank/tests/common/mod.rs", "transfers"), "");
        assert_eq!(target("tests/../src/vault.rs", "transfers"), "");
        assert_eq!(of_binary("examples/show.rs", "another"), "");
        assert_eq!(target("vault.rs", "my_bank"), "");
        assert_eq!(of_binary("teller.rs", "teller"), "");
    }
}
