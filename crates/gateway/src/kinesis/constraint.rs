//! The constraints of the service's model, and the one message that names all that are broken.

use std::fmt::Display;

use super::KinesisError;

/// The most violations that one message names.
const MOST: usize = 10;

/// Collects broken constraints in the order in which they are found.
#[derive(Debug, Default)]
pub(super) struct Constraints(Vec<String>);

impl Constraints {
    /// The member at `path` must be there.
    pub(super) fn not_null<T: ?Sized>(&mut self, value: Option<&T>, path: &str) {
        if value.is_none() {
            self.broken_text("null", path, "Member must not be null");
        }
    }

    /// A text at `path` must have `least` to `most` characters.
    pub(super) fn length(&mut self, value: &str, path: &str, least: usize, most: usize) {
        let length = value.chars().count();
        if length < least {
            self.broken(value, path, format_args!("Member must have length greater than or equal to {least}"));
        } else if length > most {
            self.broken(excerpt(value), path, format_args!("Member must have length less than or equal to {most}"));
        }
    }

    /// A number at `path` must lie in `least` to `most`.
    pub(super) fn range(&mut self, value: i64, path: &str, least: i64, most: i64) {
        if value < least {
            self.broken(value, path, format_args!("Member must have value greater than or equal to {least}"));
        } else if value > most {
            self.broken(value, path, format_args!("Member must have value less than or equal to {most}"));
        }
    }

    /// A constraint on the member at `path` is broken by `value`.
    pub(super) fn broken(&mut self, value: impl Display, path: &str, constraint: impl Display) {
        self.broken_text(&format!("'{value}'"), path, constraint);
    }

    fn broken_text(&mut self, value: &str, path: &str, constraint: impl Display) {
        self.0.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// `Ok` if nothing is broken.
    ///
    /// # Errors
    /// [`KinesisError::Validation`].
    pub(super) fn check(mut self) -> Result<(), KinesisError> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.truncate(MOST);
        let (count, plural) = (self.0.len(), if self.0.len() == 1 { "" } else { "s" });
        Err(KinesisError::Validation(format!("{count} validation error{plural} detected: {}", self.0.join("; "))))
    }
}

/// As much of a text as fits in a message.
fn excerpt(value: &str) -> String {
    const LONGEST: usize = 300;
    let mut text: String = value.chars().take(LONGEST).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}
