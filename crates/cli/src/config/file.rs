//! The configuration file: YAML whose keys are those of the table of settings, dotted or nested as one likes.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use super::{Assignments, ConfigError, Origin, SETTINGS, Setting, did_you_mean};

/// The key below which the pipeline's variables stand.
const VARIABLES: &str = "variables";

/// What the file says.
pub(super) fn read(file: &Path) -> Result<Assignments, ConfigError> {
    let text = fs::read_to_string(file).map_err(|source| ConfigError::File { file: file.to_owned(), source })?;
    let syntax = |line, problem: String| ConfigError::Syntax { file: file.to_owned(), line, problem };
    // Of a file without any content nothing is set; YAML calls it null.
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error, strict_booleans: true, with_snippet: false };
    let root: Option<Spanned<Value>> = serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line().max(1));
        syntax(line, UserMessageFormatter.format_message(&error).into_owned())
    })?;
    let mut assignments = Assignments::default();
    match root.map(|root| root.value) {
        None | Some(Value::Nothing) => {}
        Some(Value::Section(entries)) => walk("", entries, file, &mut assignments)?,
        Some(_) => return Err(syntax(1, "the configuration is a mapping, as in `port: 8080`".to_owned())),
    }
    Ok(assignments)
}

fn walk(
    section: &str,
    entries: Vec<(Spanned<String>, Spanned<Value>)>,
    file: &Path,
    assignments: &mut Assignments,
) -> Result<(), ConfigError> {
    for (name, value) in entries {
        let line = name.referenced.line();
        let key = if section.is_empty() { name.value } else { format!("{section}.{}", name.value) };
        let origin = Origin::File(file.to_owned(), line);
        match (Setting::find(&key), value.value) {
            (Some(setting), Value::Scalar(text)) => assignments.settings.push((setting, text, origin)),
            (Some(setting), Value::List(texts)) => assignments.settings.push((setting, texts.join(","), origin)),
            (Some(setting), Value::Nothing) => assignments.settings.push((setting, "none".to_owned(), origin)),
            (Some(_), Value::Section(_)) => {
                let problem = format!("the setting `{key}` takes one value");
                return Err(ConfigError::Syntax { file: file.to_owned(), line, problem });
            }
            (None, Value::Section(entries)) if key == VARIABLES => variables(entries, file, assignments)?,
            (None, Value::Section(entries)) if is_section(&key) => walk(&key, entries, file, assignments)?,
            (None, Value::Nothing) if is_section(&key) || key == VARIABLES => {}
            (None, _) => return Err(unknown(key, origin)),
        }
    }
    Ok(())
}

fn variables(
    entries: Vec<(Spanned<String>, Spanned<Value>)>,
    file: &Path,
    assignments: &mut Assignments,
) -> Result<(), ConfigError> {
    for (name, value) in entries {
        let line = name.referenced.line();
        let Value::Scalar(text) = value.value else {
            let problem = format!("the variable `{}` is no text", name.value);
            return Err(ConfigError::Syntax { file: file.to_owned(), line, problem });
        };
        assignments.variables.push((name.value, text, Origin::File(file.to_owned(), line)));
    }
    Ok(())
}

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// That there is no setting `key`, with the one that was probably meant.
pub fn unknown(key: String, origin: Origin) -> ConfigError {
    let known = SETTINGS.iter().map(|setting| setting.key).chain([VARIABLES]);
    let hint = did_you_mean(&key, known).unwrap_or_else(|| "`pinflow config` lists what can be set".to_owned());
    ConfigError::UnknownKey { key, origin, hint }
}

/// A value of the file; numbers and booleans as they were written, for each setting reads its own text.
#[derive(Debug)]
enum Value {
    Nothing,
    Scalar(String),
    List(Vec<String>),
    Section(Vec<(Spanned<String>, Spanned<Value>)>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a list of texts or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = access.next_element()? {
            texts.push(text);
        }
        Ok(Value::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Section(entries))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pinflow.yaml");
        fs::write(&path, text).unwrap();
        let assignments =
            read(&path).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))?;
        let settings = assignments.settings.into_iter().map(|(setting, value, _)| (setting.key.to_owned(), value));
        Ok(settings.chain(assignments.variables.into_iter().map(|(name, value, _)| (name, value))).collect())
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn keys_are_dotted_or_nested() {
        assert_eq!(parsed(""), Ok(vec![]));
        assert_eq!(parsed("# nothing\n"), Ok(vec![]));
        assert_eq!(
            parsed(
                "port: 1\nlog: { segment_bytes: 1MiB }\nlog.retention_interval: 5s\nhost_names: [a, b]\nvariables: {user_id: x}"
            ),
            Ok(vec![
                pair("port", "1"),
                pair("log.segment_bytes", "1MiB"),
                pair("log.retention_interval", "5s"),
                pair("host_names", "a,b"),
                pair("user_id", "x"),
            ])
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line_and_a_hint() {
        let refused = |text: &str| parsed(text).unwrap_err();
        let error = refused("port: 1\nlog:\n  segement_bytes: 1\n");
        assert_eq!(
            error,
            "pinflow.yaml:3: there is no setting `log.segement_bytes`\n  hint: did you mean `log.segment_bytes`?"
        );
        assert!(refused("colour: red").contains("`pinflow config` lists"));
        assert!(refused("port: {a: 1}").starts_with("pinflow.yaml:1: the setting `port` takes one value"));
        assert!(refused("- a").contains("is a mapping"));
        assert!(refused("port: 1\nport: 2").starts_with("pinflow.yaml:"));
        assert!(refused("port: [").starts_with("pinflow.yaml:"));
    }
}
