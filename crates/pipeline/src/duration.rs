//! Durations as people write them: `2m`, `500ms`, `1h30m`.

use std::time::Duration;

/// What a duration looks like, for hints.
pub(crate) const FORM: &str = "write a number with a unit: `500ms`, `30s`, `2m`, `1h30m`, `7d`";

/// Reads a duration: one or more whole numbers, each with one of `ms`, `s`, `m`, `h`, `d`. `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_with_units() {
        for (text, millis) in [("0s", 0), ("500ms", 500), ("2m", 120_000), ("1h30m", 5_400_000), ("7d", 604_800_000)] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in
            ["", "2", "m", "2 m", "-2m", "2min", "1.5h", "2m3", "99999999999999999999d", "18446744073709551615d"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
