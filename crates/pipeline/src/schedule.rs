//! A first look at a job's schedule. The scheduler reads it in full.

use crate::duration;

const NAMES: [&str; 5] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];

/// What a schedule looks like, for hints.
pub(crate) const FORM: &str = "write `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every 10m`, or five cron fields as in `\"30 4 * * 1-5\"` (UTC)";

/// Whether `text` has the form of a schedule.
pub(crate) fn is_schedule(text: &str) -> bool {
    if let Some(pause) = text.strip_prefix("@every ") {
        return duration::parse(pause.trim()).is_some_and(|pause| !pause.is_zero());
    }
    NAMES.contains(&text) || is_cron(text)
}

fn is_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | '?' | '#');
    fields.len() == 5 && fields.iter().all(|field| field.chars().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_forms_that_the_hint_names() {
        for text in ["@daily", "@every 10m", "@every 1h30m", "30 4 * * 1-5", "*/5 0,12 1 JAN MON#2"] {
            assert!(is_schedule(text), "{text}");
        }
    }

    #[test]
    fn refuses_other_forms() {
        for text in
            ["", "daily", "@dayly", "@every", "@every 0s", "@every tomorrow", "* * * *", "* * * * * *", "4 € * * *"]
        {
            assert!(!is_schedule(text), "{text}");
        }
    }
}
