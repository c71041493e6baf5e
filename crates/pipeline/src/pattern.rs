//! Names with `*` in them.

/// Whether `text` is a pattern rather than a name.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

/// Whether `name` fits `pattern`, in which each `*` stands for any text, also none.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        // The first place is as good as any: it leaves the most for the parts after it.
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "pin"),
            ("clean.*", "clean.pin"),
            ("*.sql", "a.sql"),
            ("a*b*c", "a-b-b-c"),
            ("a", "a"),
            ("a**", "a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_rest_must_be_equal() {
        for (pattern, name) in [
            ("a", "ab"),
            ("clean.*", "query.pin"),
            ("*.sql", "a.sql~"),
            ("ab*ba", "aba"),
            ("a*b*c", "a-c-b"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
