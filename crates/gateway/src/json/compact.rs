//! Compact JSON text: no white space outside strings, everything else as the client wrote it.
//!
//! Numbers never pass through a machine type, keys keep their order, escapes stay escapes.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr2;
use serde_json::value::RawValue;

/// How many arrays and objects may stand inside each other: the most that `serde_json` reads back.
pub(super) const MAX_DEPTH: usize = 127;

/// A value is nested deeper than [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value is nested deeper than {MAX_DEPTH} arrays and objects; flatten it")]
pub(crate) struct TooDeep;

/// The compact text of a value; borrowed where it is compact already.
///
/// # Errors
/// [`TooDeep`].
fn compact(value: &RawValue) -> Result<Cow<'_, str>, TooDeep> {
    let text = value.get();
    let bytes = text.as_bytes();
    let mut compacted = String::new();
    let mut uncopied = 0;
    let mut depth = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(TooDeep);
                }
            }
            b'}' | b']' => depth -= 1,
            b' ' | b'\n' | b'\r' | b'\t' => {
                if uncopied == 0 {
                    compacted.reserve(text.len());
                }
                compacted.push_str(&text[uncopied..at]);
                uncopied = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if uncopied == 0 {
        return Ok(Cow::Borrowed(text));
    }
    compacted.push_str(&text[uncopied..]);
    Ok(Cow::Owned(compacted))
}

/// As [`compact`], as bytes; a part of `body`, which the value was parsed from, where it is compact already.
///
/// # Errors
/// [`TooDeep`].
pub(crate) fn compact_bytes(value: &RawValue, body: &Bytes) -> Result<Bytes, TooDeep> {
    Ok(match compact(value)? {
        Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    })
}

/// The index after the string that opens at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Value;

    fn compacted(text: &str) -> String {
        compact(serde_json::from_str(text).unwrap()).unwrap().into_owned()
    }

    #[test]
    fn only_white_space_outside_strings_goes() {
        for (text, expected) in [
            ("{\"a\": 1, \"b\": [1, 2]}", r#"{"a":1,"b":[1,2]}"#),
            (" { } ", "{}"),
            ("[\n\t1 ,\r\n2\n]", "[1,2]"),
            (r#"{"a b": "c  d\" , \\", "e": " "}"#, r#"{"a b":"c  d\" , \\","e":" "}"#),
            ("\"  \"", "\"  \""),
            (r#"{"z": 1, "a": 2, "z": 3}"#, r#"{"z":1,"a":2,"z":3}"#),
            ("[12345678901234567890123, 1.10, 1E400, -0, 1e-7]", "[12345678901234567890123,1.10,1E400,-0,1e-7]"),
            (r#"["é\u00e9😀"]"#, r#"["é\u00e9😀"]"#),
        ] {
            assert_eq!(compacted(text), expected);
        }
    }

    #[test]
    fn compact_text_is_not_copied() {
        let body = Bytes::from_static(br#"{"index":1,"title":"a b"}"#);
        let value: &RawValue = serde_json::from_slice(&body).unwrap();
        assert_eq!(compact_bytes(value, &body).unwrap().as_ptr(), body.as_ptr());
    }

    #[test]
    fn the_depth_limit_is_that_of_the_readers() {
        for (depth, taken) in [(1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false), (100_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(compact(serde_json::from_str(&text).unwrap()).is_ok(), taken);
            assert_eq!(serde_json::from_str::<Value>(&text).is_ok(), taken);
        }
    }
}
