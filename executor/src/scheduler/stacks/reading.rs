//! Which frames of a stack a reader wants to see.
//!
//! Those of his program, and of each library between it and the waker the function that was called:
//! not how std calls a closure, and not through how many functions a channel puts a waker away.

use super::names::Name;
use std::path::PathBuf;

/// A function that is being executed, or that was inlined into one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: Name,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
}

/// Where a function is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin<'a> {
    /// From where no reader looks.
    Hidden,
    /// From a package that cargo has downloaded, or from what this crate exports.
    Library(&'a str),
    /// From the rest of the program, or nobody knows.
    Program,
}

/// Packages on the way from a future to the waker that it leaves, as cargo writes them.
const MEANS: &[&str] = &[
    "async-task",
    "backtrace",
    "event-listener",
    "event-listener-strategy",
];

const STD: &[&str] = &["alloc", "core", "std"];

/// The folders of this crate that only it knows.
const PRIVATE: &[&str] = &[
    "idle",
    "netpoll",
    "queue",
    "scheduler",
    "suspended",
    "sync",
    "timer",
];

/// The part of a stack that says something, the innermost first.
pub(crate) fn readable(stack: &[Symbol]) -> Vec<&Symbol> {
    let visible = || {
        stack
            .iter()
            .filter(|symbol| symbol.origin() != Origin::Hidden)
    };
    let mut readable: Vec<_> = visible().filter(|symbol| symbol.is_awaited()).collect();
    if readable.is_empty() {
        readable = visible().collect();
    }
    // Of those of a library, the outermost is what the program has called.
    let same_library = |one: &&Symbol, next: &&Symbol| {
        one.origin() == next.origin() && one.origin() != Origin::Program
    };
    let runs = readable.chunk_by(same_library);
    runs.filter_map(|run| run.last().copied()).collect()
}

impl Symbol {
    pub(crate) fn origin(&self) -> Origin<'_> {
        let file = self.file.as_ref().and_then(|file| file.to_str());
        match (file, &self.name.text) {
            (Some(file), _) => origin_of_file(file),
            (None, Some(name)) => origin_of_name(name),
            (None, None) => Origin::Hidden,
        }
    }

    /// Of libraries only futures are of interest.
    fn is_awaited(&self) -> bool {
        self.origin() == Origin::Program || self.name.is_of_a_future
    }
}

fn origin_of_file(file: &str) -> Origin<'_> {
    // std, as the distributions of Rust have it, without and with its source.
    if file.starts_with("/rustc/") || file.replace('\\', "/").contains("/rustlib/src/rust/") {
        return Origin::Hidden;
    }
    if let Some(path) = path_in_this_crate(file) {
        return origin_in_this_crate(path.split(['/', '\\']).next());
    }
    match package(file) {
        Some(package) if package.is_means() => Origin::Hidden,
        Some(package) => Origin::Library(package.directory),
        None => Origin::Program,
    }
}

fn origin_of_name(path: &str) -> Origin<'_> {
    let mut parts = path.split("::");
    match (parts.next(), parts.next()) {
        // A function of C, such as what a thread begins with.
        (_, None) => Origin::Hidden,
        (Some(name), _) if STD.contains(&name) => Origin::Hidden,
        (Some(name), _) if MEANS.iter().any(|means| means.replace('-', "_") == name) => {
            Origin::Hidden
        }
        (name, module) if name == module_path!().split("::").next() => origin_in_this_crate(module),
        _ => Origin::Program,
    }
}

fn origin_in_this_crate<'a>(folder: Option<&str>) -> Origin<'a> {
    match folder {
        Some(folder) if PRIVATE.contains(&folder) => Origin::Hidden,
        _ => Origin::Library(""),
    }
}

/// The path of a file of this crate from its `src` on.
fn path_in_this_crate(file: &str) -> Option<&str> {
    const THIS_FILE: [&str; 2] = [
        "scheduler/stacks/reading.rs",
        "scheduler\\stacks\\reading.rs",
    ];
    let mut this_file = THIS_FILE.iter();
    let source = this_file.find_map(|path| file!().strip_suffix(path))?;
    let start = file.find(source)?;
    let begins_a_name = start == 0 || file[..start].ends_with(['/', '\\']);
    begins_a_name.then(|| &file[start + source.len()..])
}

/// Whose file a file is that cargo has downloaded.
pub(crate) struct Package<'a> {
    /// Its name and version.
    directory: &'a str,
    /// The path of the file, from there on.
    pub(crate) path: &'a str,
}

/// The package that a file is from.
pub(crate) fn package(file: &str) -> Option<Package<'_>> {
    const KEPT_IN: &[&str] = &[
        "/registry/src/",
        "\\registry\\src\\",
        "/git/checkouts/",
        "\\git\\checkouts\\",
    ];
    let kept = |folder: &&str| file.find(*folder).map(|at| at + folder.len());
    let start = KEPT_IN.iter().find_map(kept)?;
    // Next is the registry, or the repository.
    let (_, path) = file[start..].split_once(['/', '\\'])?;
    let (directory, _) = path.split_once(['/', '\\'])?;
    Some(Package { directory, path })
}

impl Package<'_> {
    fn is_means(&self) -> bool {
        // As std's type of that name.
        if self.path.ends_with("poll_fn.rs") {
            return true;
        }
        let is_version = |rest: &str| {
            let version = rest.strip_prefix('-').unwrap_or("");
            version.starts_with(|letter: char| letter.is_ascii_digit())
        };
        let mut means = MEANS.iter();
        means.any(|name| self.directory.strip_prefix(name).is_some_and(is_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/home/user/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/";

    fn symbol(name: &str, file: &str) -> Symbol {
        Symbol {
            name: Name::of(name),
            file: Some(file.into()).filter(|_| !file.is_empty()),
            line: None,
        }
    }

    fn own(path: &str) -> String {
        let source = file!().strip_suffix("scheduler/stacks/reading.rs");
        format!("/somewhere/{}{path}", source.unwrap())
    }

    fn names(stack: &[Symbol]) -> Vec<&str> {
        let readable = readable(stack).into_iter();
        readable
            .map(|symbol| symbol.name.text.as_deref().unwrap())
            .collect()
    }

    #[test]
    fn of_a_channel_the_future_is_shown_that_the_program_awaits() {
        let library = |path: &str| format!("{REGISTRY}{path}");
        let stack = [
            symbol("clone", &own("scheduler/stacks/trace.rs")),
            symbol("clone", "/rustc/5980761/library/core/src/task/wake.rs"),
            symbol("poll", &library("event-listener-5.4.1/src/lib.rs")),
            symbol("poll", &library("event-listener-strategy-0.5.4/src/lib.rs")),
            symbol(
                "poll_with_strategy",
                &library("async-channel-2.5.0/src/lib.rs"),
            ),
            symbol("{closure#0}", &library("async-channel-2.5.0/src/lib.rs")),
            symbol("Recv::poll", &library("async-channel-2.5.0/src/lib.rs")),
            symbol("fetch", "/home/user/app/src/main.rs"),
            symbol("serve", "/home/user/app/src/main.rs"),
            symbol("poll_future", &own("scheduler/task.rs")),
        ];
        assert_eq!(names(&stack), ["Recv::poll", "fetch", "serve"]);
    }

    #[test]
    fn of_this_crate_what_it_exports_is_shown() {
        let stack = [
            symbol("register", &own("timer/entry.rs")),
            symbol("Sleep::poll", &own("time/sleep.rs")),
            symbol("inner", "src/main.rs"),
            symbol("Timeout::poll", &own("time/timeout.rs")),
            symbol("outer", "src/main.rs"),
        ];
        assert_eq!(
            names(&stack),
            ["Sleep::poll", "inner", "Timeout::poll", "outer"]
        );
    }

    #[test]
    fn of_a_package_between_two_functions_the_one_is_shown_that_is_called() {
        let library = format!("{REGISTRY}futures-util-0.3.31/src/join.rs");
        let stack = [
            symbol("app::inner", "src/main.rs"),
            symbol("MaybeDone::poll", &library),
            symbol("helper", &library),
            symbol("Join::poll", &library),
            symbol("app::outer", "src/main.rs"),
        ];
        let expected = ["app::inner", "Join::poll", "app::outer"];
        assert_eq!(names(&stack), expected);
    }

    #[test]
    fn without_files_names_say_where_a_function_is_from() {
        let stack = [
            symbol("<core::task::wake::Waker as core::clone::Clone>::clone", ""),
            symbol("executor::timer::entry::Entry::poll", ""),
            symbol(
                "<executor::time::sleep::Sleep as core::future::Future>::poll",
                "",
            ),
            symbol("app::leaf::{{closure}}", ""),
            symbol("<alloc::boxed::Box<F> as core::future::Future>::poll", ""),
            symbol("app::main::{{closure}}", ""),
            symbol(
                "<executor::scheduler::task::Guarded<F, N>>::poll_future",
                "",
            ),
            symbol("async_task::raw::RawTask<F, T, S, M>::run", ""),
            symbol("start_thread", ""),
            symbol("", ""),
        ];
        assert_eq!(names(&stack).len(), 3);
        assert_eq!(names(&stack)[1..], ["app::leaf", "app::main"]);
    }

    #[test]
    fn a_program_may_have_folders_of_the_same_names() {
        for file in [
            "src/scheduler/mod.rs",
            "/home/user/async-task-1/src/lib.rs",
            "/x/my_executor/src/idle/a.rs",
        ] {
            assert_eq!(symbol("f", file).origin(), Origin::Program, "{file}");
        }
    }

    #[test]
    fn a_library_that_calls_its_futures_something_else_is_shown_all_the_same() {
        let library = format!("{REGISTRY}odd-1.0.0/src/lib.rs");
        let stack = [
            symbol("odd::register", &library),
            symbol("odd::wait", &library),
        ];
        assert_eq!(names(&stack), ["odd::wait"]);
        assert!(readable(&[]).is_empty());
    }

    #[test]
    fn a_file_is_of_the_package_that_it_lies_in() {
        let path = |file: &str| package(file).map(|package| package.path.to_owned());
        let git = "/home/user/.cargo/git/checkouts/tool-1a2b3c/4d5e6f/src/lib.rs";
        assert_eq!(path(git).as_deref(), Some("4d5e6f/src/lib.rs"));
        let windows =
            r"C:\Users\u\.cargo\registry\src\index.crates.io-1949\flume-0.11.0\src\lib.rs";
        assert_eq!(path(windows).as_deref(), Some(r"flume-0.11.0\src\lib.rs"));
        assert_eq!(path("src/registry/src/lib.rs"), None);
    }
}
