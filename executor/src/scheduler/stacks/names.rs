//! Names of functions, as far as a reader wants to know them.
//!
//! ```text
//!   <executor::time::sleep::Sleep as core::future::Future>::poll    executor::time::sleep::Sleep
//!   <tokio::sync::Mutex<T>>::lock::{{closure}}                      tokio::sync::Mutex::lock
//!   app::serve::<u8>::{closure#0}                                   app::serve
//! ```
//!
//! An async function is its own closure to the compiler, and a future's `poll` is called on behalf
//! of its type.

/// A function, as far as its name tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    /// What stands for it. `None` for a name that says nothing: builds without the paths of
    /// functions still tell closures.
    pub(crate) text: Option<String>,
    /// It is one that a future consists of.
    pub(crate) is_of_a_future: bool,
}

impl Name {
    /// Of a function that the compiler calls so.
    pub(crate) fn of(name: &str) -> Name {
        let function = without_closures(name);
        let is_closure = function.len() < name.len();
        if function.is_empty() {
            return Name {
                text: None,
                is_of_a_future: is_closure,
            };
        }
        let (text, is_future) = match qualified(function) {
            Some((own_type, its_trait, "::poll")) if is_future(its_trait) => {
                (without_generics(own_type), true)
            }
            Some((own_type, _, rest)) => {
                (without_generics(own_type) + &without_generics(rest), false)
            }
            None => (without_generics(function), false),
        };
        Name {
            is_of_a_future: is_future || is_closure || last_segment(&text).starts_with("poll"),
            text: Some(text),
        }
    }

    /// Whether it is known where the function is, and not only how it is called there.
    pub(crate) fn is_path(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.contains("::"))
    }
}

fn is_future(its_trait: Option<&str>) -> bool {
    its_trait.is_some_and(|name| last_segment(name) == "Future")
}

/// What follows the last `::`.
fn last_segment(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// Removes what is in braces at the end: closures, async functions and async blocks.
fn without_closures(mut name: &str) -> &str {
    while name.ends_with('}') {
        name = &name[..name.rfind("::{").unwrap_or(0)];
    }
    name
}

/// Takes `<Type as Trait>rest`, or `<Type>rest`, apart.
fn qualified(name: &str) -> Option<(&str, Option<&str>, &str)> {
    let inner = name.strip_prefix('<')?;
    let (mut depth, mut end, mut split) = (0, None, None);
    for (at, letter, before) in letters(inner) {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if before == '-' => {}
            '>' if depth == 0 => {
                end = Some(at);
                break;
            }
            '>' | ')' | ']' => depth -= 1,
            ' ' if depth == 0 && inner[at..].starts_with(" as ") => split = split.or(Some(at)),
            _ => {}
        }
    }
    let end = end?;
    let rest = &inner[end + 1..];
    Some(match split {
        Some(at) => (&inner[..at], Some(&inner[at + 4..end]), rest),
        None => (&inner[..end], None, rest),
    })
}

/// Removes what is in angle brackets, with the `::` before it.
fn without_generics(name: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    for (_, letter, before) in letters(name) {
        match letter {
            '<' => {
                if depth == 0 && text.ends_with("::") {
                    text.truncate(text.len() - 2);
                }
                depth += 1;
            }
            '>' if before != '-' => depth -= 1,
            _ if depth == 0 => text.push(letter),
            _ => {}
        }
    }
    text
}

/// The letters, each with its place and the one before it.
fn letters(text: &str) -> impl Iterator<Item = (usize, char, char)> {
    let before = [' '].into_iter().chain(text.chars());
    text.char_indices()
        .zip(before)
        .map(|((at, letter), before)| (at, letter, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Option<String> {
        Name::of(name).text
    }

    #[test]
    fn a_name_is_what_the_source_calls_it() {
        for (name, expected) in [
            (
                "<executor::time::sleep::Sleep as core::future::future::Future>::poll",
                "executor::time::sleep::Sleep",
            ),
            (
                "<async_channel::Recv<T> as core::future::future::Future>::poll",
                "async_channel::Recv",
            ),
            (
                "tokio::sync::mpsc::bounded::Receiver<T>::recv::{{closure}}",
                "tokio::sync::mpsc::bounded::Receiver::recv",
            ),
            (
                "<tokio::sync::mpsc::bounded::Receiver<alloc::string::String>>::recv::{closure#0}",
                "tokio::sync::mpsc::bounded::Receiver::recv",
            ),
            ("app::serve::{{closure}}::{{closure}}", "app::serve"),
            ("app::serve::<u8, fn(u8) -> u8>::{closure#0}", "app::serve"),
            ("app::{impl#3}::poll", "app::{impl#3}::poll"),
            (
                "<app::Reader<R> as app::Read<fn() -> (u8, R)>>::read",
                "app::Reader::read",
            ),
            ("<F as app::Future2>::poll", "F::poll"),
            ("poll", "poll"),
            ("poll_with<(), app::Strategy>", "poll_with"),
        ] {
            assert_eq!(text(name).as_deref(), Some(expected));
        }
        for name in ["{async_fn#0}", "{closure#0}", "{{closure}}", ""] {
            assert_eq!(text(name), None);
        }
    }

    #[test]
    fn a_name_that_is_no_name_is_no_trouble() {
        for name in [
            "}",
            "<",
            "<<>",
            ">::<",
            "a -> b",
            "::{",
            "<a as >",
            "<é as é>::é",
            "{::{}",
            "::}",
        ] {
            Name::of(name);
        }
    }

    #[test]
    fn a_future_consists_of_polls_and_closures() {
        for name in [
            "poll",
            "poll_with<(), app::Strategy>",
            "{async_fn#0}",
            "app::serve::{{closure}}",
            "<app::R as app::Stream>::poll_next",
            "<app::R as core::future::Future>::poll",
        ] {
            assert!(Name::of(name).is_of_a_future, "{name}");
        }
        for name in [
            "app::register",
            "register<app::poll>",
            "<app::R as app::S>::register",
        ] {
            assert!(!Name::of(name).is_of_a_future, "{name}");
        }
    }

    #[test]
    fn a_path_is_told_from_the_last_part_of_one() {
        assert!(Name::of("app::serve").is_path());
        assert!(Name::of("<app::R as core::future::Future>::poll").is_path());
        for name in ["poll_with<(), app::Strategy>", "{async_fn#0}", "serve"] {
            assert!(!Name::of(name).is_path(), "{name}");
        }
    }
}
