//! `${name}` in the files of a pipeline folder.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Values for variables from outside of the pipeline folder.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// What `--set name=value` gave. Wins over everything; a name that the pipeline does not know is refused.
    pub set: BTreeMap<String, String>,
    /// The environment, or the part of it that a pipeline may see. Wins over the defaults in `pipeline.yaml`.
    pub environment: BTreeMap<String, String>,
}

/// The variables of a pipeline while it is loaded.
pub(crate) struct Variables<'a> {
    defaults: BTreeMap<String, String>,
    overrides: &'a Overrides,
    asked: RefCell<BTreeSet<String>>,
}

/// A `${...}` without a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unresolved {
    /// What stands between the braces, or `None` where no brace closes.
    pub(crate) name: Option<String>,
    /// How many lines into the text it stands.
    pub(crate) line: u64,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(defaults: BTreeMap<String, String>, overrides: &'a Overrides) -> Self {
        Self { defaults, overrides, asked: RefCell::default() }
    }

    /// `text` with each `${name}` replaced by its value and each `$${` by `${`.
    pub(crate) fn substitute(&self, text: &str) -> (String, Vec<Unresolved>) {
        let mut done = String::with_capacity(text.len());
        let mut unresolved = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                done.push_str(before);
                done.push_str("${");
                rest = after;
                continue;
            }
            done.push_str(before);
            let line = newlines(&text[..text.len() - after.len()]);
            let Some(end) = after.find('}') else {
                unresolved.push(Unresolved { name: None, line });
                rest = after;
                continue;
            };
            match self.value(&after[..end]) {
                Some(value) => done.push_str(value),
                None => unresolved.push(Unresolved { name: Some(after[..end].to_owned()), line }),
            }
            rest = &after[end + 1..];
        }
        done.push_str(rest);
        (done, unresolved)
    }

    /// The names that have a value in the pipeline or through `--set`, for hints.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.defaults.keys().chain(self.overrides.set.keys()).map(String::as_str)
    }

    /// The names that `--set` gave and that nothing in the folder declares or asks for.
    pub(crate) fn unknown_settings(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let known = |name: &String| self.defaults.contains_key(name) || asked.contains(name);
        self.overrides.set.keys().filter(|name| !known(name)).cloned().collect()
    }

    /// Each declared variable and each one that `--set` gave, with its value. What comes from the environment under a
    /// name that the pipeline does not declare is left out: it may be a secret.
    pub(crate) fn resolved(&self) -> BTreeMap<String, String> {
        self.names().filter_map(|name| Some((name.to_owned(), self.value(name)?.to_owned()))).collect()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(name.to_owned());
        let Overrides { set, environment } = self.overrides;
        set.get(name).or_else(|| environment.get(name)).or_else(|| self.defaults.get(name)).map(String::as_str)
    }
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_setting_wins_over_the_environment_and_that_over_the_default() {
        let overrides =
            Overrides { set: map(&[("a", "set")]), environment: map(&[("a", "env"), ("b", "env"), ("d", "env")]) };
        let variables = Variables::new(map(&[("a", "default"), ("b", "default"), ("c", "default")]), &overrides);
        assert_eq!(variables.substitute("${a} ${b} ${c} ${d}"), ("set env default env".to_owned(), vec![]));
        assert_eq!(variables.resolved(), map(&[("a", "set"), ("b", "env"), ("c", "default")]));
    }

    #[test]
    fn a_dollar_escapes_and_a_value_is_not_read_again() {
        let overrides = Overrides::default();
        let variables = Variables::new(map(&[("a", "${a}")]), &overrides);
        assert_eq!(variables.substitute("$${a} ${a} $ {a} a$"), ("${a} ${a} $ {a} a$".to_owned(), vec![]));
    }

    #[test]
    fn says_which_has_no_value_and_where() {
        let overrides = Overrides::default();
        let variables = Variables::new(BTreeMap::new(), &overrides);
        let (_, unresolved) = variables.substitute("one\n${b}\n${");
        let expected = [(Some("b".to_owned()), 1), (None, 2)].map(|(name, line)| Unresolved { name, line });
        assert_eq!(unresolved, expected);
    }

    #[test]
    fn a_setting_that_nothing_asks_for_is_unknown() {
        let overrides =
            Overrides { set: map(&[("declared", ""), ("asked", ""), ("typo", "")]), environment: BTreeMap::new() };
        let variables = Variables::new(map(&[("declared", "")]), &overrides);
        variables.substitute("${asked}");
        assert_eq!(variables.unknown_settings(), ["typo"]);
    }
}
