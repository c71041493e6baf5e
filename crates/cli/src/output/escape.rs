//! Text from outside, made harmless: nothing in a value moves the cursor, breaks a line or turns the reading direction.

use std::fmt::Write;

/// `text` with control characters, line breaks and invisible direction marks as escapes.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() || is_invisible(c) => {
                write!(shown, "{}", c.escape_unicode()).expect("a string takes every write");
            }
            c => shown.push(c),
        }
    }
    shown
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_table_is_escaped_and_the_rest_stays() {
        assert_eq!(visible("two\nlines\ttab\r"), "two\\nlines\\ttab\\r");
        assert_eq!(visible("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(visible("日本の 🎄 café"), "日本の 🎄 café");
    }
}
