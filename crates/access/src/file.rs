//! The file of an access list.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use crate::caller::{Caller, Entry};
use crate::credential::SecretDigest;
use crate::error::{AccessError, Problem};
use crate::list::{AccessList, SigningKey};
use crate::pattern::TopicPattern;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    callers: Vec<CallerFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerFile {
    name: Spanned<String>,
    #[serde(default)]
    api_keys: Vec<Spanned<String>>,
    #[serde(default)]
    passwords: Vec<Spanned<String>>,
    #[serde(default)]
    signing_keys: Vec<SigningKeyFile>,
    #[serde(default)]
    produce: Vec<Spanned<String>>,
    #[serde(default)]
    consume: Vec<Spanned<String>>,
    #[serde(default)]
    administer: Vec<Spanned<String>>,
    #[serde(default)]
    dashboard: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningKeyFile {
    access_key_id: Spanned<String>,
    secret_access_key: Spanned<String>,
}

impl AccessList {
    /// The list in `text`, which stands in `file`.
    ///
    /// # Errors
    /// [`AccessError::Invalid`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, AccessError> {
        let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error, strict_booleans: true, with_snippet: false };
        let callers: ListFile = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line().max(1));
            let message = UserMessageFormatter.format_message(&error).into_owned();
            AccessError::Invalid(vec![Problem { file: file.to_owned(), line, message }])
        })?;
        let mut check = Check::new(file);
        for caller in callers.callers {
            check.caller(caller);
        }
        if check.list.callers.is_empty() {
            check.problem(1, "the list has no caller, so nobody could do anything".to_owned());
        }
        if check.problems.is_empty() { Ok(check.list) } else { Err(AccessError::Invalid(check.problems)) }
    }
}

/// A list while it is checked.
struct Check<'a> {
    file: &'a Path,
    list: AccessList,
    names: BTreeSet<String>,
    api_keys: HashSet<SecretDigest>,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    fn new(file: &'a Path) -> Self {
        let list = AccessList::default();
        Self { file, list, names: BTreeSet::new(), api_keys: HashSet::new(), problems: Vec::new() }
    }

    fn problem(&mut self, line: u64, message: String) {
        self.problems.push(Problem { file: self.file.to_owned(), line, message });
    }

    fn caller(&mut self, file: CallerFile) {
        let line = file.name.referenced.line();
        let name = file.name.value;
        if name.is_empty() || name.contains(':') {
            self.problem(line, format!("`{name}` is no caller's name: it is not empty and has no `:`"));
        }
        if !self.names.insert(name.clone()) {
            self.problem(line, format!("the caller `{name}` is there twice"));
        }
        if file.api_keys.is_empty() && file.passwords.is_empty() && file.signing_keys.is_empty() {
            let message =
                format!("the caller `{name}` has no credential: give it `api_keys`, `passwords` or `signing_keys`");
            self.problem(line, message);
        }
        let caller = Caller::listed(Entry {
            produce: self.patterns(&name, "produce", &file.produce),
            consume: self.patterns(&name, "consume", &file.consume),
            administer: self.patterns(&name, "administer", &file.administer),
            dashboard: file.dashboard,
            name: name.clone(),
        });
        for digest in self.digests(&name, "api_keys", &file.api_keys) {
            if !self.api_keys.insert(digest) {
                self.problem(line, format!("an API key of the caller `{name}` is there twice"));
            }
            self.list.api_keys.push((digest, caller.clone()));
        }
        for digest in self.digests(&name, "passwords", &file.passwords) {
            self.list.passwords.push((digest, caller.clone()));
        }
        for key in file.signing_keys {
            self.signing_key(&name, key, &caller);
        }
        self.list.callers.push(caller);
    }

    fn patterns(&mut self, caller: &str, right: &str, patterns: &[Spanned<String>]) -> Vec<TopicPattern> {
        let mut checked = Vec::new();
        for pattern in patterns {
            match TopicPattern::new(&pattern.value) {
                Ok(pattern) => checked.push(pattern),
                Err(rule) => {
                    let message =
                        format!("`{}` under `{right}` of `{caller}` is no topic pattern: {rule}", pattern.value);
                    self.problem(pattern.referenced.line(), message);
                }
            }
        }
        checked
    }

    fn digests(&mut self, caller: &str, member: &str, secrets: &[Spanned<String>]) -> Vec<SecretDigest> {
        let mut digests = Vec::new();
        for (number, secret) in secrets.iter().enumerate() {
            match SecretDigest::read(&secret.value) {
                Ok(digest) => digests.push(digest),
                Err(rule) => {
                    let message = format!("number {} of `{member}` of `{caller}` cannot be used: {rule}", number + 1);
                    self.problem(secret.referenced.line(), message);
                }
            }
        }
        digests
    }

    fn signing_key(&mut self, caller_name: &str, key: SigningKeyFile, caller: &Caller) {
        let line = key.access_key_id.referenced.line();
        let id = key.access_key_id.value;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.problem(
                line,
                format!("`{id}` of `{caller_name}` is no access key id: it has ASCII letters, digits and `_`"),
            );
        }
        if key.secret_access_key.value.is_empty() {
            let line = key.secret_access_key.referenced.line();
            self.problem(line, format!("the secret access key of `{id}` is empty"));
        }
        let key = SigningKey { secret: key.secret_access_key.value, caller: caller.clone() };
        if self.list.signing_keys.insert(id.clone(), key).is_some() {
            self.problem(line, format!("the access key id `{id}` is there twice"));
        }
    }
}
