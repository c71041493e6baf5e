//! Java's regular expressions on Rust's engine: the syntax is nearly the same, the differences are translated or refused.
//!
//! `\d`, `\w`, `\s` are ASCII as in Java, `.` stops at every line end that Java knows, replacements are Java's (`$1`, `\$`).
//! Look-around and back-references do not exist here (the engine runs in linear time) and are an error.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, plan_datafusion_err};
use regex::Regex;

use crate::function::{row_of, texts};

/// How many compiled patterns are kept; a pipeline has a handful.
const KEPT: usize = 256;

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);

/// The compiled form of a Java pattern.
///
/// # Errors
/// For a pattern that does not parse, or uses look-around or back-references.
pub(crate) fn compile(pattern: &str) -> Result<Arc<Regex>> {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let regex = Regex::new(&to_rust(pattern))
        .map_err(|cause| plan_datafusion_err!("the regular expression `{pattern}` is not supported: {cause}"))?;
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    let regex = Arc::new(regex);
    compiled.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

/// The regular expression of each row of a column, compiled once for rows that share it.
pub(crate) struct Regexes<'a> {
    column: &'a ArrayRef,
    /// The expression that was found last: the row, its text, and a copy whose scratch space no other thread waits for.
    last: Option<(usize, &'a str, Regex)>,
}

impl<'a> Regexes<'a> {
    pub fn new(column: &'a ArrayRef) -> Self {
        Self { column, last: None }
    }

    /// The expression of row `row`, `None` where it is null.
    pub fn at(&mut self, row: usize) -> Result<Option<&Regex>> {
        let row = row_of(self.column, row);
        if self.column.is_null(row) {
            return Ok(None);
        }
        // A literal is one row for all.
        if self.last.as_ref().is_none_or(|(last, ..)| *last != row) {
            let text = texts(self.column).value(row);
            let regex = match self.last.take() {
                Some((_, last, regex)) if last == text => regex,
                _ => compile(text)?.as_ref().clone(),
            };
            self.last = Some((row, text, regex));
        }
        Ok(self.last.as_ref().map(|(.., regex)| regex))
    }
}

/// Rewrites what means something else in Rust's syntax.
fn to_rust(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len() + 16);
    let dot_is_any = pattern.contains("(?s") || pattern.contains("(?is");
    let mut class_depth = 0_usize;
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('Q') => {
                    let quoted = rest.as_str();
                    let end = quoted.find("\\E").unwrap_or(quoted.len());
                    rust.push_str(&regex::escape(&quoted[..end]));
                    rest = quoted.get(end + 2..).unwrap_or("").chars();
                }
                Some(escaped) => push_escaped(&mut rust, escaped, class_depth > 0),
                None => rust.push('\\'),
            },
            '[' => {
                class_depth += 1;
                rust.push('[');
            }
            ']' if class_depth > 0 => {
                class_depth -= 1;
                rust.push(']');
            }
            '.' if class_depth == 0 && !dot_is_any => rust.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            // In a class `--` and `~~` are set operations in Rust and plain characters in Java.
            '-' | '~' if class_depth > 0 && rust.ends_with(c) => rust.extend(['\\', c]),
            other => rust.push(other),
        }
    }
    rust
}

/// An escape; inside of a class the ASCII ranges stand without brackets of their own.
fn push_escaped(rust: &mut String, escaped: char, in_class: bool) {
    let (ranges, negated) = match escaped {
        'd' => ("0-9", false),
        'D' => ("0-9", true),
        'w' => ("a-zA-Z0-9_", false),
        'W' => ("a-zA-Z0-9_", true),
        's' => (r" \t\n\x0B\f\r", false),
        'S' => (r" \t\n\x0B\f\r", true),
        'h' => (r" \t\xA0\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}", false),
        'R' if !in_class => return rust.push_str(r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])"),
        'Z' if !in_class => return rust.push_str(r"\n?\z"),
        'e' => return rust.push_str(r"\x1B"),
        // Java lets any sign be escaped; Rust does not know these.
        '<' | '>' | '"' | '\'' | '`' | ',' | ':' | ';' | '=' | '!' | '@' | '%' | '_' | ' ' | '/' => {
            return rust.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
        }
        other => return rust.extend(['\\', other]),
    };
    match (in_class, negated) {
        (true, false) => rust.push_str(ranges),
        (_, true) => rust.extend(["[^", ranges, "]"]),
        (false, false) => rust.extend(["[", ranges, "]"]),
    }
}

/// Java's replacement text in Rust's syntax: `$1` and `${name}` are groups, a backslash takes the next character as it is.
/// A group's number takes as many digits as there are groups.
///
/// # Errors
/// For a group that the expression lacks, and for a lone `$`.
pub(crate) fn replacement_to_rust(replacement: &str, regex: &Regex) -> Result<String> {
    let mut rust = String::with_capacity(replacement.len());
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('$') => rust.push_str("$$"),
                Some(other) => rust.push(other),
                None => return Err(bad_replacement(replacement, "it ends with a lone `\\`")),
            },
            '$' if rest.next_if_eq(&'{').is_some() => {
                let name: String = rest.by_ref().take_while(|&c| c != '}').collect();
                rust.extend(["${", &name, "}"]);
            }
            '$' => {
                let digit = rest.next().and_then(|c| c.to_digit(10));
                let mut group =
                    digit.ok_or_else(|| bad_replacement(replacement, "a `$` needs a group's number"))? as usize;
                while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= regex.captures_len() {
                        break;
                    }
                    group = longer;
                    rest.next();
                }
                if group >= regex.captures_len() {
                    return Err(bad_replacement(replacement, &format!("the expression has no group {group}")));
                }
                rust.push_str(&format!("${{{group}}}"));
            }
            other => rust.push(other),
        }
    }
    Ok(rust)
}

fn bad_replacement(replacement: &str, why: &str) -> datafusion::error::DataFusionError {
    plan_datafusion_err!("the replacement `{replacement}` is wrong: {why}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn javas_classes_are_ascii() {
        assert!(!compile(r"^\d+$").unwrap().is_match("١٢"));
        assert!(compile(r"^[\d,]+$").unwrap().is_match("1,2"));
        assert!(compile(r"^[^\s\D]+$").unwrap().is_match("12"));
        assert!(!compile("a.b").unwrap().is_match("a\rb"));
        assert!(compile("(?s)a.b").unwrap().is_match("a\rb"));
        assert!(compile(r"^\Qa.b\E$").unwrap().is_match("a.b"));
    }

    #[test]
    fn look_around_is_refused() {
        assert!(compile("a(?=b)").unwrap_err().to_string().contains("a(?=b)"));
    }

    #[test]
    fn replacements_are_javas() {
        let two_groups = Regex::new("(a)(b)").unwrap();
        assert_eq!(replacement_to_rust("$2$1x", &two_groups).unwrap(), "${2}${1}x");
        assert_eq!(replacement_to_rust("$12", &two_groups).unwrap(), "${1}2");
        assert_eq!(replacement_to_rust(r"\$1 \\", &two_groups).unwrap(), r"$$1 \");
        assert!(replacement_to_rust("$3", &two_groups).is_err());
        assert!(replacement_to_rust("$", &two_groups).is_err());
    }
}
