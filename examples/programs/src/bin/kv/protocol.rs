//! Redis' protocol, RESP2: commands as they come, and answers as they go.

use std::io::Write;

/// How many words a command may have.
const MAX_WORDS: usize = 1024;

/// How many bytes one word may have.
const MAX_WORD: usize = 1 << 20;

/// How many bytes one line may have.
const MAX_LINE: usize = 64 << 10;

/// The client does not speak the protocol. What it sends next would not be understood.
#[derive(Debug)]
pub struct ProtocolError(pub &'static str);

impl ProtocolError {
    /// As the last thing that the client is told.
    pub fn answer(&self, out: &mut Vec<u8>) {
        error(out, &format!("ERR Protocol error: {}", self.0));
    }
}

/// `None` if not all of it has come.
type Parsed<T> = Result<Option<T>, ProtocolError>;

/// Appends the words of the first command to `words`, and returns what comes after it.
pub fn parse<'a>(input: &'a [u8], words: &mut Vec<&'a [u8]>) -> Parsed<&'a [u8]> {
    let Some((first, mut rest)) = line(input)? else {
        return Ok(None);
    };
    let [b'*', count @ ..] = first else {
        // As people type it; but words have no quotes, and so no spaces.
        words.extend(
            first
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty()),
        );
        return Ok(Some(rest));
    };
    let count = integer(count).filter(|count| *count <= MAX_WORDS as i64); // as in Redis, also below 0
    for _ in 0..count.ok_or(ProtocolError("invalid multibulk length"))? {
        let Some((length, after)) = line(rest)? else {
            return Ok(None);
        };
        let length = length
            .strip_prefix(b"$")
            .ok_or(ProtocolError("expected '$'"))?;
        let length = integer(length).filter(|length| (0..=MAX_WORD as i64).contains(length));
        let length = length.ok_or(ProtocolError("invalid bulk length"))? as usize;
        let Some((word, end)) = after
            .split_at_checked(length)
            .filter(|(_, end)| end.len() >= 2)
        else {
            return Ok(None);
        };
        rest = end
            .strip_prefix(b"\r\n")
            .ok_or(ProtocolError("expected a line's end"))?;
        words.push(word);
    }
    Ok(Some(rest))
}

/// The first line, without its end, and what comes after it.
fn line(input: &[u8]) -> Parsed<(&[u8], &[u8])> {
    match input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = &input[..end];
            Ok(Some((
                line.strip_suffix(b"\r").unwrap_or(line),
                &input[end + 1..],
            )))
        }
        None if input.len() >= MAX_LINE => Err(ProtocolError("too big a line")),
        None => Ok(None),
    }
}

/// As Redis reads them: without a plus, and without zeros in front.
pub fn integer(digits: &[u8]) -> Option<i64> {
    match digits {
        b"0" => Some(0),
        [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    }
}

pub fn simple(out: &mut Vec<u8>, text: &str) {
    out.extend([b"+", text.as_bytes(), b"\r\n"].into_iter().flatten());
}

pub fn error(out: &mut Vec<u8>, text: &str) {
    out.extend([b"-", text.as_bytes(), b"\r\n"].into_iter().flatten());
}

pub fn number(out: &mut Vec<u8>, number: i64) {
    let _ = write!(out, ":{number}\r\n"); // a vector takes whatever comes
}

pub fn array(out: &mut Vec<u8>, length: usize) {
    let _ = write!(out, "*{length}\r\n");
}

pub fn nothing(out: &mut Vec<u8>) {
    out.extend(b"$-1\r\n");
}

pub fn bulk(out: &mut Vec<u8>, text: &[u8]) {
    let _ = write!(out, "${}\r\n", text.len());
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}
