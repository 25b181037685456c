//! LESSONS.md: it tells of every lesson, and what it shows of one is in it.

use super::LESSONS;
use std::{collections::HashSet, fs, path::Path};

const CHAPTER: &str = include_str!("../../../LESSONS.md");

/// The sections of the lessons: their numbers, names and texts.
fn sections() -> Vec<(usize, &'static str, &'static str)> {
    let parts = CHAPTER.split("\n## ").skip(1);
    let section = |part: &'static str| {
        let (heading, text) = part.split_once('\n').expect("more than a heading");
        let (number, name) = heading.split_once(". ").expect("a number and a name");
        (number.parse().expect("a number"), name, text)
    };
    parts.map(section).collect()
}

/// What stands in fences of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let begin = format!("\n```{language}\n");
    let parts = text.split(&begin).skip(1);
    let block = |part: &str| part.split("\n```").next().unwrap_or_default().to_owned();
    parts.map(block).collect()
}

#[test]
fn the_chapter_tells_of_every_lesson_in_order() {
    let sections = sections();
    let names: Vec<&str> = sections.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(names, LESSONS);
    for (place, (number, name, text)) in (1..).zip(sections) {
        assert_eq!(number, place, "{name}");
        for language in ["go", "rust", "text"] {
            let has_some = !blocks(text, language).is_empty();
            assert!(has_some, "{name} has nothing in {language}");
        }
    }
}

/// The lines of a lesson's source, and of the ticker that one of them has beside it.
fn lines_of(lesson: &str) -> HashSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lessons");
    let file = lesson.replace('-', "_");
    let parts: &[&str] = match lesson {
        "gpm" => &["gpm", "ticker"],
        _ => &[&file],
    };
    let read = |part: &&str| {
        let path = folder.join(part).with_extension("rs");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let texts: Vec<String> = parts.iter().map(read).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn what_the_chapter_shows_of_a_lesson_is_in_it() {
    let mut shown = 0;
    for (_, name, text) in sections() {
        let source = lines_of(name);
        for block in blocks(text, "rust") {
            for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
                assert!(source.contains(line), "{name} has no line `{line}`");
                shown += 1;
            }
        }
    }
    assert!(shown > 100, "only {shown} lines");
}
