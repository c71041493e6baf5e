//! Fields of a record's JSON, and the names of folders that are made of them.

use std::borrow::Cow;

use serde_json::Value;

/// Bytes of a value that a folder's name shows at most: file systems take 255 in a name, and a byte may need three.
const SHOWN_BYTES: usize = 60;

/// Where a field stands in a JSON document: names, each within the one before.
#[derive(Clone, Debug)]
pub(crate) struct FieldPath {
    name: String,
    path: Vec<String>,
}

impl FieldPath {
    /// The field `name`, in which dots lead into objects.
    ///
    /// # Errors
    /// In words, where it can be no folder's name.
    pub fn new(name: &str) -> Result<Self, String> {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || name.len() > SHOWN_BYTES {
            return Err(format!(
                "`{name}` names no field; write a name of {SHOWN_BYTES} bytes at most, or several with dots between"
            ));
        }
        Ok(Self { name: escaped(name).into_owned(), path })
    }

    /// The field's value in `document`.
    pub fn value<'a>(&self, document: &'a Document) -> Option<&'a Value> {
        self.path.iter().try_fold(document.0.as_ref()?, |value, name| value.get(name))
    }

    /// `name=value`; `null` stands for what is missing and for what is neither text nor number nor boolean.
    pub fn folder(&self, document: &Document) -> String {
        let value = match self.value(document) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Cow::Owned(value.to_string()),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => Cow::Borrowed("null"),
        };
        format!("{}={}", self.name, escaped(&value[..value.floor_char_boundary(SHOWN_BYTES)]))
    }
}

/// A record's JSON; nothing where it is none.
pub(crate) struct Document(Option<Value>);

impl Document {
    pub fn parse(value: Option<&[u8]>) -> Self {
        Self(value.and_then(|value| serde_json::from_slice(value).ok()))
    }
}

/// What is not safe in a path, a URL or a glob as `%` and two digits, as Hive has it.
fn escaped(text: &str) -> Cow<'_, str> {
    let is_safe =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b' ' | b',' | b'+' | b'@') || b >= 0x80;
    if text.bytes().all(is_safe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = Vec::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match is_safe(byte) {
            true => escaped.push(byte),
            false => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Cow::Owned(String::from_utf8(escaped).expect("single-byte characters were replaced by others"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::partitioner::is_folder_of_objects;

    #[test]
    fn any_value_is_a_safe_folder() {
        let field = FieldPath::new("f").unwrap();
        for (text, expected) in [
            ("a", "f=a"),
            ("", "f="),
            ("../../etc", "f=..%2F..%2Fetc"),
            ("a=b%2F\n\0", "f=a%3Db%252F%0A%00"),
            ("*?[#]\\\"'", "f=%2A%3F%5B%23%5D%5C%22%27"),
            ("Åland", "f=Åland"),
        ] {
            let document = Document(Some(serde_json::json!({ "f": text })));
            assert_eq!(field.folder(&document), expected);
            assert!(is_folder_of_objects(&field.folder(&document)), "{text:?}");
        }
        let long = Document(Some(serde_json::json!({ "f": "ä/".repeat(1000) })));
        assert!(field.folder(&long).len() < 200);
    }

    #[test]
    fn what_is_no_plain_value_is_null() {
        let field = FieldPath::new("a.b").unwrap();
        for text in ["{}", r#"{"a":1}"#, r#"{"a":{"b":null}}"#, r#"{"a":{"b":[1]}}"#, "[1]", "no JSON"] {
            assert_eq!(field.folder(&Document::parse(Some(text.as_bytes()))), "a.b=null", "{text}");
        }
        assert_eq!(field.folder(&Document::parse(None)), "a.b=null");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for name in ["", "a..b", ".a", &"x".repeat(61)] {
            assert!(FieldPath::new(name).is_err(), "{name}");
        }
    }
}
