//! What every part of the loader needs: the folder, the variables, and a place to note what is wrong.

use std::cell::RefCell;

use crate::error::Problem;
use crate::folder::Folder;
use crate::nearest::did_you_mean;
use crate::variables::Variables;
use crate::yaml::{self, Node};

/// The file that is being read, and what surrounds it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) folder: &'a Folder<'a>,
    pub(crate) variables: &'a Variables<'a>,
    pub(crate) problems: &'a RefCell<Vec<Problem>>,
    /// Relative to the folder.
    pub(crate) file: &'a str,
}

impl<'a> Context<'a> {
    /// The same for another file.
    pub(crate) fn in_file(self, file: &'a str) -> Self {
        Self { file, ..self }
    }

    /// Notes a problem with the file.
    pub(crate) fn problem(
        self,
        line: impl Into<Option<u64>>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.problems.borrow_mut().push(Problem {
            file: self.file.into(),
            line: line.into(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// `text`, which begins on `line`, with its variables replaced.
    pub(crate) fn substitute(self, text: &str, line: u64) -> String {
        let (text, unresolved) = self.variables.substitute(text);
        for reference in unresolved {
            let line = line + reference.line;
            let Some(name) = reference.name else {
                self.problem(
                    line,
                    "`${` is not closed",
                    "close it with `}`, or write `$${` for the characters".to_owned(),
                );
                continue;
            };
            let hint = did_you_mean(&name, self.variables.names())
                .unwrap_or_else(|| format!("declare it under `variables:`, or pass `--set {name}=...`"));
            self.problem(line, format!("unknown variable `{name}`"), hint);
        }
        text
    }

    /// The text of the file, after substitution. Notes a problem where it is not UTF-8 or cannot be read; `None` also
    /// where there is no such file.
    pub(crate) fn read_text(self) -> Option<String> {
        let text = self.read_raw()?;
        Some(self.substitute(&text, 1))
    }

    /// The file as a YAML tree; variables are not replaced yet.
    pub(crate) fn read_yaml(self) -> Option<Node> {
        let text = self.read_raw()?;
        match yaml::parse(&text) {
            Ok(node) => Some(node),
            Err(error) => {
                self.problem(error.line, format!("this is not YAML: {}", error.message), None);
                None
            }
        }
    }

    fn read_raw(self) -> Option<String> {
        let bytes = match self.folder.read(self.file) {
            Ok(found) => found?,
            Err(error) => {
                self.problem(None, format!("cannot be read: {error}"), None);
                return None;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(error) => {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.problem(line, "the text is not UTF-8", "save the file as UTF-8".to_owned());
                None
            }
        }
    }
}
