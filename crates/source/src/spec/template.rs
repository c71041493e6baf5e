//! Templates: text with holes. `{name}` is an element of a list, a shared value or an earlier column of the row;
//! `{number:0-99}` a whole number; `{hex:8}` so many hexadecimal digits; `{{` and `}}` are the braces themselves.
//! A list that is named twice in one template gives the same element both times.

/// A template as written, cut into its parts; names are not resolved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Name(String),
    Number { from: i64, to: i64 },
    Hex(usize),
}

/// Cuts `template` into its parts.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn parse(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = template.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '{' | '}' if rest.peek() == Some(&char) => {
                rest.next();
                text.push(char);
            }
            '{' => {
                let mut hole = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(char) => hole.push(char),
                        None => return Err(format!("a `{{` without its `}}` before `{hole}`")),
                    }
                }
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(parse_hole(&hole)?);
            }
            '}' => return Err("a `}` without its `{`".into()),
            other => text.push(other),
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn parse_hole(hole: &str) -> Result<Part, String> {
    match hole.split_once(':') {
        None if hole.is_empty() => Err("an empty hole `{}`".into()),
        None => Ok(Part::Name(hole.to_owned())),
        Some(("number", range)) => range
            .split_once('-')
            .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))
            .filter(|(from, to)| from <= to)
            .map(|(from, to)| Part::Number { from, to })
            .ok_or_else(|| format!("`{range}` is no range such as `0-99`")),
        Some(("hex", digits)) => digits
            .parse()
            .ok()
            .filter(|digits| (1..=1000).contains(digits))
            .map(Part::Hex)
            .ok_or_else(|| format!("`{digits}` is no number of digits from 1 to 1000")),
        Some((kind, _)) => Err(format!("`{{{kind}:...}}` is unknown")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn holes_and_text_alternate() {
        assert_eq!(
            parse("a{{b}} {x}{number:0-99}/{hex:2}").unwrap(),
            [
                Part::Text("a{b} ".into()),
                Part::Name("x".into()),
                Part::Number { from: 0, to: 99 },
                Part::Text("/".into()),
                Part::Hex(2),
            ]
        );
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (template, said) in [
            ("{}", "empty hole"),
            ("x}", "`}` without its `{`"),
            ("a {x", "`{` without its `}` before `x`"),
            ("{number:9-1}", "`9-1` is no range"),
            ("{number:x}", "`x` is no range"),
            ("{hex:0}", "`0` is no number of digits"),
            ("{word:3}", "`{word:...}` is unknown"),
        ] {
            let error = parse(template).unwrap_err();
            assert!(error.contains(said), "{template}: {error}");
        }
    }
}
