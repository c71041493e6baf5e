//! Patterns of topic names.

/// A topic's name in which each `*` stands for any run of characters, also none: `demo.*`, `*`, `demo.pin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern(String);

impl TopicPattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn new(pattern: &str) -> Result<Self, &'static str> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'*');
        match pattern {
            "" => Err("it must not be empty"),
            _ if !pattern.bytes().all(known) => Err("it may hold ASCII letters, digits, `.`, `_`, `-` and `*` only"),
            _ => Ok(Self(pattern.to_owned())),
        }
    }

    /// Whether a topic's name is one of those that the pattern stands for.
    pub fn matches(&self, topic: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = topic.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // What comes between is taken as early as possible, which leaves the most for the rest.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, yes, no) in [
            ("demo.pin", &["demo.pin"][..], &["demo.pi", "demo.pins", "xdemo.pin", ""][..]),
            ("demo.*", &["demo.", "demo.pin", "demo.a.b"], &["demo", "demox", "ademo.x"]),
            ("*", &["", "a", "a.b"], &[]),
            ("*.pin", &["demo.pin", ".pin"], &["pin", "demo.pins"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["ac", "acb", "abcd"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("**x", &["x", "yx"], &["xy"]),
        ] {
            let compiled = TopicPattern::new(pattern).unwrap();
            yes.iter().for_each(|topic| assert!(compiled.matches(topic), "{pattern} {topic}"));
            no.iter().for_each(|topic| assert!(!compiled.matches(topic), "{pattern} {topic}"));
        }
    }

    #[test]
    fn what_no_name_can_hold_is_refused() {
        for pattern in ["", "a b", "é", "a/b", "[a]", "a?"] {
            assert!(TopicPattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
