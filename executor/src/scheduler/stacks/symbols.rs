//! From addresses to functions and lines.

use super::{
    names::Name,
    reading::{Origin, Symbol, readable},
    stack::{Frame, Stack},
    trace::Addresses,
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    ptr,
};

/// Larger files are not read for a line of theirs.
const MAX_SOURCE: u64 = 4 << 20;

/// Letters of a source line that are shown.
const MAX_LINE: usize = 100;

/// Resolves stacks, and remembers what it has resolved. The first address takes some ten
/// milliseconds, for the debug information is read.
#[derive(Default)]
pub(crate) struct Symbols {
    /// What an address belongs to: a function, and before it what was inlined there.
    known: HashMap<usize, Vec<Symbol>>,
    sources: Sources,
    missing: Missing,
}

/// What the build has been found not to keep.
#[derive(Default)]
struct Missing {
    /// Any symbols.
    symbols: bool,
    /// The line of a function of the program.
    lines: bool,
    /// The path of a function with a line.
    paths: bool,
}

impl Symbols {
    /// Resolves a stack.
    pub(crate) fn resolve(&mut self, addresses: &Addresses) -> Stack {
        let stack = self.symbols(addresses);
        self.missing.look_at(&stack);
        let frames = readable(&stack)
            .into_iter()
            .map(|symbol| self.frame(symbol));
        Stack {
            frames: frames.collect(),
            is_cut: addresses.cut,
        }
    }

    /// The functions of a stack, the innermost first.
    pub(crate) fn symbols(&mut self, addresses: &Addresses) -> Vec<Symbol> {
        let mut stack = Vec::new();
        for &address in &addresses.frames {
            let known = self.known.entry(address);
            stack.extend_from_slice(known.or_insert_with(|| symbols_at(address)));
        }
        stack
    }

    /// What the build lacks for more to be known than is.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        let Missing {
            symbols,
            lines,
            paths,
        } = self.missing;
        if symbols {
            Some(
                "no symbols: `strip = \"none\"` and `debug = 1` in the profile keep names and lines",
            )
        } else if lines {
            Some("no lines, nor functions that were inlined: `debug = 1` in the profile keeps both")
        } else if paths {
            Some("no paths of functions: `debug = 1` in the profile keeps them")
        } else {
            None
        }
    }

    fn frame(&mut self, symbol: &Symbol) -> Frame {
        let is_of_program = symbol.origin() == Origin::Program;
        let source = match (&symbol.file, symbol.line) {
            (Some(file), Some(line)) if is_of_program && !symbol.name.is_path() => {
                self.sources.line(file, line)
            }
            _ => None,
        };
        Frame {
            function: symbol.name.text.clone(),
            file: symbol.file.clone(),
            line: symbol.line,
            source,
        }
    }
}

impl Missing {
    fn look_at(&mut self, stack: &[Symbol]) {
        self.symbols |= stack.iter().all(|symbol| symbol.name == Name::default());
        // std comes with symbols of its own, and packages may have profiles of their own.
        let program = |symbol: &&Symbol| symbol.origin() == Origin::Program;
        for symbol in stack.iter().filter(program) {
            self.lines |= symbol.line.is_none();
            self.paths |= symbol.line.is_some() && !symbol.name.is_path();
        }
    }
}

/// The functions that are executed where a call returns to this address, the innermost first.
fn symbols_at(address: usize) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    backtrace::resolve(ptr::without_provenance_mut(address), |symbol| {
        symbols.push(Symbol {
            // Without the hash.
            name: symbol
                .name()
                .map_or(Name::default(), |name| Name::of(&format!("{name:#}"))),
            file: symbol.filename().map(Path::to_path_buf),
            line: symbol.lineno(),
        });
    });
    symbols
}

/// Source files that were read for a line.
#[derive(Default)]
struct Sources(HashMap<PathBuf, Option<String>>);

impl Sources {
    fn line(&mut self, file: &Path, number: u32) -> Option<String> {
        let text = match self.0.get(file) {
            Some(text) => text,
            None => {
                let text = read(file);
                self.0.entry(file.to_path_buf()).or_insert(text)
            }
        };
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let line = text.as_ref()?.lines().nth(index)?.trim();
        Some(line.chars().take(MAX_LINE).collect())
    }
}

fn read(file: &Path) -> Option<String> {
    let about = fs::metadata(file).ok()?;
    let is_source = about.is_file() && about.len() <= MAX_SOURCE;
    is_source.then(|| fs::read_to_string(file).ok())?
}
