//! A YAML document as a tree in which every value and every key knows its line.
//!
//! The tree is read by hand ([`crate::fields`]) and not by derived `Deserialize`, which would stop at the first mistake.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

/// How deep lists and mappings may nest. A pipeline needs 8; an unoptimised build overflows a 2 MiB stack beyond 40.
const MAX_DEPTH: usize = 24;

/// A value and the line that it begins on, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; a key may stand more than once.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping and its line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) line: u64,
    pub(crate) name: String,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) line: Option<u64>,
    pub(crate) message: String,
}

impl Value {
    /// What the value is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one YAML document.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| SyntaxError {
        line: error.location().map(|location| location.line()).filter(|line| *line > 0),
        message: UserMessageFormatter.format_message(&error).into_owned(),
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Key { line: spanned.referenced.line(), name: spanned.value })
    }
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
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("the number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(Value::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entries(node: &Node) -> &[(Key, Node)] {
        match &node.value {
            Value::Mapping(entries) => entries,
            other => panic!("{} is no mapping", other.kind()),
        }
    }

    #[test]
    fn keys_and_values_know_their_lines() {
        let root = parse("a: 1\nb:\n  # why\n  c: [x,\n    y]\n").unwrap();
        let [(a, one), (b, inner)] = entries(&root) else { panic!() };
        assert_eq!((a.line, one.line, b.line), (1, 1, 2));
        let (c, list) = &entries(inner)[0];
        assert_eq!((c.name.as_str(), c.line), ("c", 4));
        let Value::List(items) = &list.value else { panic!() };
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn keeps_order_and_repeated_keys() {
        let root = parse("z: 1\na: 2\nz: 3").unwrap();
        let names: Vec<_> = entries(&root).iter().map(|(key, _)| (key.name.as_str(), key.line)).collect();
        assert_eq!(names, [("z", 1), ("a", 2), ("z", 3)]);
    }

    #[test]
    fn scalars_are_read_as_yaml_1_2_does() {
        let root = parse("[null, ~, true, yes, 1, -1, 1.5, '1', 2020-08-28 03:52:47, '']").unwrap();
        let Value::List(items) = root.value else { panic!() };
        let text = |text: &str| Value::Text(text.to_owned());
        let number = |number: f64| Value::Number(Number::from_f64(number).unwrap());
        let expected = [
            Value::Null,
            Value::Null,
            Value::Boolean(true),
            text("yes"),
            Value::Number(1.into()),
            Value::Number((-1).into()),
            number(1.5),
            text("1"),
            text("2020-08-28 03:52:47"),
            text(""),
        ];
        assert_eq!(items.into_iter().map(|item| item.value).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_alias_stands_where_it_is_used() {
        let root = parse("a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n").unwrap();
        let names: Vec<_> = entries(&entries(&root)[1].1).iter().map(|(key, _)| (key.name.clone(), key.line)).collect();
        assert!(names.contains(&("k".to_owned(), 3)), "{names:?}");
    }

    #[test]
    fn says_where_the_syntax_is_broken() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.line.is_some_and(|line| (2..=4).contains(&line)), "{error:?}");
        assert!(!error.message.contains('\n'), "{error:?}");
        assert!(parse("a: .nan").is_err());
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
        let laughs = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1));
        assert!(parse(&format!("a0: &a0 [x]\n{}", laughs.collect::<String>())).is_err());
    }
}
