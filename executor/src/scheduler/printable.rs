//! Texts that somebody else has chosen, as they are shown to people: the names of tasks, which may
//! come from the network, and the paths of source files.
//!
//! A terminal acts on control characters, a log has a line for each line feed, and characters that
//! turn the direction of writing, or that cannot be seen, make a line look like another one. So these
//! are shown as Rust would escape them in a literal. All else is shown as it is, whatever its script.

use std::{fmt, fmt::Write, panic::Location};

/// A text in one line, without surprises.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_surprising(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Characters that do something, or hide. (Those that join and separate letters, U+200C and U+200D,
/// are part of how some scripts and symbols are written.)
fn is_surprising(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Soft hyphen; marks, embeddings, overrides and isolates of a direction.
            '\u{ad}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Ends of lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // Spaces without width, and operators that cannot be seen.
            | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}'
            // Fillers, notes between lines, and tags.
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

/// The line that spawned a task.
#[derive(Clone, Copy)]
pub(crate) struct Site(pub(crate) Option<&'static Location<'static>>);

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(line) = self.0 else {
            return f.write_str("a line without a number");
        };
        let (file, column) = (Printable(line.file()), line.column());
        write!(f, "{file}:{}:{column}", line.line())
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Printable(text).to_string()
    }

    #[test]
    fn what_would_act_on_a_terminal_or_begin_a_line_is_escaped() {
        assert_eq!(shown("a\nb\r\n\tc"), r"a\nb\r\n\tc");
        assert_eq!(
            shown("\u{1b}[2J\u{7}\u{7f}\0"),
            r"\u{1b}[2J\u{7}\u{7f}\u{0}"
        );
        assert_eq!(shown("\u{9b}31m\u{85}"), r"\u{9b}31m\u{85}");
        assert_eq!(shown("\u{2028}\u{2029}"), r"\u{2028}\u{2029}");
    }

    #[test]
    fn what_turns_or_hides_text_is_escaped() {
        for c in [
            '\u{202e}',
            '\u{202a}',
            '\u{2066}',
            '\u{2069}',
            '\u{200e}',
            '\u{200f}',
            '\u{61c}',
            '\u{200b}',
            '\u{feff}',
            '\u{ad}',
            '\u{2060}',
            '\u{3164}',
            '\u{e0041}',
        ] {
            let expected = format!("a\\u{{{:x}}}b", u32::from(c));
            assert_eq!(shown(&format!("a{c}b")), expected);
        }
    }

    #[test]
    fn ordinary_text_of_any_script_is_as_it_is() {
        for text in [
            "",
            "conn 7",
            r#"it's "quoted" \ `so`"#,
            r"C:\work\main.rs",
            "Grüße, e\u{301}, 北京, Привет, שלום, नमस्ते",
            "👩\u{200d}🚀",
            "می\u{200c}خواهم",
            "no\u{a0}break",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn a_site_is_shown_as_the_compiler_shows_lines() {
        let here = Location::caller();
        assert_eq!(Site(Some(here)).to_string(), here.to_string());
        assert_eq!(Site(None).to_string(), "a line without a number");
    }
}
