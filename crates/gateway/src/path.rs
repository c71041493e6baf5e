//! A request's path as the dialects see it: decoded segments, without a stage, without empty segments.
//!
//! A decoded segment is a client's text and nothing more: it becomes a name only through a checked type such as
//! [`TopicName`](pinflow_event::TopicName).

use std::fmt;

/// The segments that a dialect's own path begins with.
const ROOTS: [&str; 7] = ["topics", "streams", "consumers", "brokers", "v3", "record", "records"];

/// The decoded segments of a path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestPath(Vec<String>);

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
        if staged {
            segments.remove(0);
        }
        Self(segments)
    }

    /// The segments, to be matched against a dialect's routes.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The first segment.
    pub(crate) fn root(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }
}

impl fmt::Debug for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
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
    }
}
