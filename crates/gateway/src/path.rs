//! A request's path as the dialects see it: decoded segments, without a stage, without empty segments.
//!
//! A decoded segment is a client's text and nothing more: it becomes a name only through a checked type such as
//! [`TopicName`](pinflow_event::TopicName).

use std::fmt;

/// The segments that a dialect's own path begins with.
const ROOTS: [&str; 7] = ["topics", "streams", "consumers", "brokers", "v3", "record", "records"];

/// The decoded segments of a path, and the stage that stood before them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestPath {
    segments: Vec<String>,
    stage: Option<String>,
}

impl RequestPath {
    /// Takes a raw path apart. A first segment that is one of `stages` goes if a dialect's own path follows it, so that
    /// neither a topic nor a stream is ever mistaken for a stage.
    pub(crate) fn new(raw: &str, stages: &[String]) -> Self {
        let mut segments: Vec<String> = raw.split('/').filter(|s| !s.is_empty()).map(percent_decoded).collect();
        let staged = match segments.as_slice() {
            [stage, root, ..] => {
                stages.contains(stage) && !ROOTS.contains(&stage.as_str()) && ROOTS.contains(&root.as_str())
            }
            _ => false,
        };
        let stage = staged.then(|| segments.remove(0));
        Self { segments, stage }
    }

    /// The segments, to be matched against a dialect's routes.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The stage that was dropped: a reply's URLs need it again.
    pub(crate) fn stage(&self) -> Option<&str> {
        self.stage.as_deref()
    }

    /// The first segment.
    pub(crate) fn root(&self) -> Option<&str> {
        self.segments.first().map(String::as_str)
    }
}

impl fmt::Debug for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.segments.join("/"))
    }
}

/// A text as one segment of a path: everything but letters, digits, `-`, `.`, `_` and `~` is escaped.
pub(crate) fn percent_encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Decodes `%2E` and the like. A `%` without two hex digits stays, and bytes that are not UTF-8 become U+FFFD: no name
/// holds either, so the text is refused where a name is wanted.
fn percent_decoded(segment: &str) -> String {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GatewaySettings;

    #[test]
    fn stages_slashes_and_escapes_are_resolved() {
        let stages = GatewaySettings::default().stages;
        for (raw, segments) in [
            ("/", vec![]),
            ("/topics/demo.pin", vec!["topics", "demo.pin"]),
            ("/dev/topics/demo.pin", vec!["topics", "demo.pin"]),
            ("/dev//streams//s/record/", vec!["streams", "s", "record"]),
            ("//production/topics", vec!["topics"]),
            // A topic may have the name of a stage, of a root, or both.
            ("/topics/dev", vec!["topics", "dev"]),
            ("/topics/topics", vec!["topics", "topics"]),
            ("/dev/topics/topics/partitions", vec!["topics", "topics", "partitions"]),
            ("/topics/streams/partitions", vec!["topics", "streams", "partitions"]),
            // Only one stage goes, and only before a root.
            ("/dev/dev/topics", vec!["dev", "dev", "topics"]),
            ("/dev", vec!["dev"]),
            ("/dev/other", vec!["dev", "other"]),
            ("/unknown/topics", vec!["unknown", "topics"]),
            ("/topics/a%2Eb", vec!["topics", "a.b"]),
            ("/topics/a%2fb", vec!["topics", "a/b"]),
            ("/topics/%C3%A9", vec!["topics", "é"]),
            ("/topics/%FF", vec!["topics", "\u{fffd}"]),
            ("/topics/100%", vec!["topics", "100%"]),
            ("/topics/%zz%4", vec!["topics", "%zz%4"]),
        ] {
            assert_eq!(RequestPath::new(raw, &stages).segments(), segments, "{raw}");
        }
        assert_eq!(RequestPath::new("//dev//topics/t", &stages).stage(), Some("dev"));
        assert_eq!(RequestPath::new("/topics/dev", &stages).stage(), None);
    }

    #[test]
    fn any_text_can_be_a_segment() {
        for text in ["rest-consumer-1", "a/b", "é 100%", "a.b~_"] {
            let path = format!("/topics/{}", percent_encoded(text));
            assert_eq!(RequestPath::new(&path, &[]).segments(), ["topics", text]);
        }
        assert_eq!(percent_encoded("a/é"), "a%2F%C3%A9");
    }
}
