//! The layers of `src`: imports point downwards only, and no circle of modules reaches beyond one
//! folder.
//!
//! What is read are `use` items and paths that begin with `crate::` or `super::`, in code that
//! ships: files and modules under `#[cfg(test)]` may look at whatever they test. Run it with
//! `--nocapture` to see the largest circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// From the top. Those beside each other do not know each other. `""` is the root: what a user can
/// name.
const LAYERS: &[&[&str]] = &[
    &["", "guide", "net", "time", "trace"],
    &["scheduler"],
    &["netpoll"],
    &["idle"],
    &["suspended", "queue", "timer", "record"],
    &["sync"],
];

/// Folders that are one in the eyes of the rule: the root is the public face, and `guide`, `net`,
/// `time` and `trace` are parts of it.
const ONE_LAYER: &[&str] = &["", "guide", "net", "time", "trace"];

/// Files that the root may hold, and modules that may be in one circle.
const MAX_ROOT_FILES: usize = 18;
const MAX_CIRCLE: usize = 12;

/// A module by its path from the crate's root, such as `scheduler::worker`; the root is empty.
type Module = String;

/// The modules, each with those that it imports from.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn folder(module: &str) -> &str {
    let folder = module.split("::").next().unwrap_or("");
    let is_folder = LAYERS
        .iter()
        .flat_map(|layer| *layer)
        .any(|&name| name == folder);
    if is_folder { folder } else { "" }
}

fn layer(module: &str) -> usize {
    let position = LAYERS
        .iter()
        .position(|layer| layer.contains(&folder(module)));
    position.unwrap_or_else(|| panic!("`{module}` is in no layer"))
}

fn is_allowed(from: &str, to: &str) -> bool {
    let (one, other) = (folder(from), folder(to));
    one == other
        || ONE_LAYER.contains(&one) && ONE_LAYER.contains(&other)
        || layer(from) < layer(to)
}

/// The code of a file without comments, without single items of tests, and without the module of
/// tests at its end.
fn shipping_code(text: &str) -> String {
    let mut code = String::new();
    let mut is_of_tests = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or("");
        if is_of_tests && line.ends_with('{') {
            break;
        }
        if !is_of_tests {
            code.push_str(line);
            code.push('\n');
        }
        is_of_tests = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
    }
    code
}

/// The files below `folder` that ship, each with its module and code.
fn read_modules(folder: &Path, module: &str, found: &mut BTreeMap<Module, String>) {
    let main = if module.is_empty() {
        "lib.rs"
    } else {
        "mod.rs"
    };
    for child in read_module(&folder.join(main), module, found) {
        let path = join(module, &child);
        let below = folder.join(&child);
        if below.join("mod.rs").exists() {
            read_modules(&below, &path, found);
        } else {
            // Those below a file are private parts of it, and in its folder of the same name.
            for grandchild in read_module(&below.with_extension("rs"), &path, found) {
                read_module(
                    &below.join(&grandchild).with_extension("rs"),
                    &join(&path, &grandchild),
                    found,
                );
            }
        }
    }
}

/// Reads one file; returns the modules that it declares, but for those of tests.
fn read_module(file: &Path, module: &str, found: &mut BTreeMap<Module, String>) -> Vec<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let code = shipping_code(&text);
    let mut children = Vec::new();
    for line in code.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [.., "mod", name] = words[..]
            && let Some(name) = name.strip_suffix(';')
        {
            children.push(name.to_owned());
        }
    }
    found.insert(module.to_owned(), code);
    children
}

fn join(module: &str, name: &str) -> Module {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}

/// The paths of a `use` tree, one for each leaf.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        return paths.push(format!("{prefix}{tree}"));
    };
    let inner = rest
        .trim_end()
        .strip_suffix('}')
        .expect("braces are balanced");
    let (mut depth, mut start) = (0, 0);
    for (position, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = &inner[start..position];
                if !branch.trim().is_empty() {
                    expand(&format!("{prefix}{}", head.trim()), branch, paths);
                }
                start = position + 1;
            }
            _ => {}
        }
    }
}

/// All paths that a file names from the crate's root or from its own place.
fn paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (start, _) in code.match_indices("use ") {
        let line = &code[code[..start].rfind('\n').map_or(0, |end| end + 1)..start];
        if ["", "pub ", "pub(crate) ", "pub(super) "].contains(&line.trim_start())
            || line.trim().is_empty()
        {
            let tree = &code[start + "use ".len()..];
            expand("", tree.split(';').next().unwrap_or(""), &mut paths);
        }
    }
    for root in ["crate::", "super::"] {
        for (start, _) in code.match_indices(root) {
            let is_name = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
            let path: String = code[start..]
                .chars()
                .take_while(|&letter| is_name(letter))
                .collect();
            // Not the middle of a path, and not a tree, which has been expanded above.
            if !code[..start].ends_with("::") && !path.ends_with("::") {
                paths.push(path);
            }
        }
    }
    paths
}

/// The module that a path leads into, if it is one of ours.
fn resolve(path: &str, from: &str, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut segments: Vec<&str> = from
        .split("::")
        .filter(|segment| !segment.is_empty())
        .collect();
    let mut rest = path.split("::").map(str::trim).peekable();
    match *rest.peek()? {
        "crate" => {
            rest.next();
            segments.clear();
        }
        "super" => {
            while rest.next_if_eq(&"super").is_some() {
                segments.pop();
            }
        }
        "self" => _ = rest.next(),
        // A module of this one, or another crate.
        child if modules.contains_key(&join(from, child)) => {}
        _ => return None,
    }
    for segment in rest {
        let deeper = segments
            .iter()
            .copied()
            .chain([segment])
            .collect::<Vec<_>>()
            .join("::");
        if !modules.contains_key(&deeper) {
            break;
        }
        segments.push(segment);
    }
    Some(segments.join("::"))
}

fn imports() -> Imports {
    let mut modules = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read_modules(&source, "", &mut modules);
    let imported = |(module, code): (&Module, &String)| {
        let found = paths(code)
            .into_iter()
            .filter_map(|path| resolve(&path, module, &modules));
        (
            module.clone(),
            found.filter(|other| other != module).collect(),
        )
    };
    modules.iter().map(imported).collect()
}

/// All that can be reached from a module.
fn reachable(from: &str, imports: &Imports) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for other in imports.get(module).into_iter().flatten() {
            if reached.insert(other.clone()) {
                next.push(other);
            }
        }
    }
    reached
}

/// Modules that all reach each other.
fn circles(imports: &Imports) -> BTreeSet<BTreeSet<Module>> {
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|module| (module, reachable(module, imports)))
        .collect();
    let circle = |module: &Module| {
        let mutual = reached[module]
            .iter()
            .filter(|other| reached[*other].contains(module));
        mutual.cloned().collect::<BTreeSet<_>>()
    };
    imports
        .keys()
        .map(circle)
        .filter(|circle| circle.len() > 1)
        .collect()
}

#[test]
fn imports_point_downwards_only() {
    let imports = imports();
    assert!(
        imports.len() > 40,
        "only {} modules were found",
        imports.len()
    );
    assert!(
        imports["scheduler::worker::find"].contains("scheduler::worker"),
        "{imports:?}"
    );
    assert!(
        imports["scheduler::worker::find"].contains("idle::pool"),
        "{imports:?}"
    );
    let upwards: Vec<_> = imports
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (from, to)))
        .filter(|(from, to)| !is_allowed(from, to))
        .collect();
    assert!(
        upwards.is_empty(),
        "imports that do not point downwards: {upwards:?}"
    );
}

#[test]
fn circles_of_modules_stay_small_and_within_one_layer() {
    let circles = circles(&imports());
    let largest = circles
        .iter()
        .max_by_key(|circle| circle.len())
        .expect("there are some");
    println!("largest circle, {} modules: {largest:?}", largest.len());
    assert!(largest.len() <= MAX_CIRCLE, "{largest:?}");
    for circle in &circles {
        let layers: BTreeSet<_> = circle.iter().map(|module| layer(module)).collect();
        assert_eq!(layers.len(), 1, "a circle across layers: {circle:?}");
    }
}

#[test]
fn the_root_holds_what_a_user_can_name() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let files = entries.filter(|name| name.to_str().unwrap().ends_with(".rs"));
    assert!(files.count() <= MAX_ROOT_FILES);
}
