//! Stacks as a reader sees them.

use crate::scheduler::printable::Printable;
use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// On what a task waits: the await stack of one waker that its future has left somewhere.
///
/// The first frame is the future that is waited for, and each awaits the one before it. Frames that
/// say nothing about the program are left out: those of std, of this crate's scheduler, and what a
/// library does on its way to the waker. What a build must have for names and lines is told at
/// [`Handle::dump_stacks`](crate::Handle::dump_stacks).
///
/// [`Display`](fmt::Display) prints a line for each frame.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let dump = executor::Handle::current().dump_stacks(Duration::from_secs(1));
/// for stack in dump.tasks().iter().flat_map(|task| task.stacks()) {
///     println!("{stack}\n");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Stack {
    pub(crate) frames: Arc<[Frame]>,
    pub(crate) is_cut: bool,
}

impl Stack {
    /// Returns the frames, the innermost first. None in a build without symbols.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Returns whether outer frames are missing, because there were more than 256 of them.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// A function that awaits, or is awaited.
///
/// An async function is named as in the source, a future that is not one by its type; see
/// [`Stack`]. [`Display`](fmt::Display) prints function, file and line.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let dump = executor::Handle::current().dump_stacks(Duration::from_secs(1));
/// let stacks = dump.tasks().iter().flat_map(|task| task.stacks());
/// for frame in stacks.filter_map(|stack| stack.frames().first()) {
///     println!("{:?} in line {:?} of {:?}", frame.function(), frame.line(), frame.file());
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    pub(crate) function: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
    /// The line itself, where the function has no name.
    pub(crate) source: Option<String>,
}

impl Frame {
    /// Returns the path of the function, without type parameters. Where the build has lines but not
    /// the names of all functions, what there is: the last part of the path, or `None`.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// Returns the source file, as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the line of the `.await`, in the innermost frame the line that leaves the waker.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.line
    }
}

/// Why a dump with stacks has none of a task.
///
/// [`Display`](fmt::Display) tells it in a sentence.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let dump = executor::Handle::current().dump_stacks(Duration::from_secs(1));
/// for task in dump.tasks() {
///     if let Some(silence) = task.silence() {
///         println!("task {}: {silence}", task.id());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Silence {
    /// Its future has cloned no waker when it was polled: it has kept the one of an earlier poll,
    /// or nothing will wake it.
    NoWaker,
    /// It was polled, and has woken itself: it goes on.
    Woken,
    /// It was asked, and no worker came to poll it within the time.
    NotPolled,
    /// The poll in which it was to tell has not ended within the time.
    InPoll,
    /// The time was over before its turn came, or another dump took all of it; or its tasks cannot be
    /// asked from here: those of a simulation by another thread, or of a parent by a forked child.
    NotAsked,
    /// It makes the dump.
    MakesTheDump,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Silence::NoWaker => "no stack: it keeps the waker of an earlier poll, or none",
            Silence::Woken => "no stack: it goes on",
            Silence::NotPolled => "no stack in time: no worker has come to it",
            Silence::InPoll => "no stack in time: its poll does not end",
            Silence::NotAsked => "no stack: it was not asked in time, or cannot be from here",
            Silence::MakesTheDump => "no stack: it makes this dump",
        })
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for frame in self.frames() {
            write!(f, "{between}{frame}")?;
            between = "\n";
        }
        match (self.frames().is_empty(), self.is_cut) {
            (true, _) => f.write_str("a stack without names"),
            (false, true) => write!(f, "{between}(and more)"),
            (false, false) => Ok(()),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(function) = self.function() {
            Printable(function).fmt(f)?;
        }
        let between = if self.function.is_some() { " at " } else { "" };
        match (self.file().map(shortened), self.line) {
            (Some(file), Some(line)) => {
                f.write_str(between)?;
                Printable(&file).fmt(f)?;
                write!(f, ":{line}")?;
            }
            (Some(file), None) => {
                f.write_str(between)?;
                Printable(&file).fmt(f)?;
            }
            (None, _) if self.function.is_none() => f.write_str("?")?,
            (None, _) => {}
        }
        if let Some(source) = &self.source {
            f.write_str(": ")?;
            Printable(source).fmt(f)?;
        }
        Ok(())
    }
}

/// A path without what is the same for all files of a program: its own directory, and the one where
/// cargo keeps packages.
fn shortened(file: &Path) -> String {
    let own = env::current_dir().ok();
    let file = own
        .and_then(|own| file.strip_prefix(own).ok())
        .unwrap_or(file)
        .to_string_lossy();
    match super::reading::package(&file) {
        Some(package) => package.path.to_owned(),
        None => file.into_owned(),
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.frames());
        if self.is_cut {
            list.finish_non_exhaustive()
        } else {
            list.finish()
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}
