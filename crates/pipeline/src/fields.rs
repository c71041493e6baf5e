//! Reading a YAML tree: what a key must hold, and what is said where it does not.

use crate::context::Context;
use crate::nearest::did_you_mean;
use crate::yaml::{Key, Node, Value};

/// A mapping with known keys.
pub(crate) struct Fields<'a> {
    what: String,
    line: u64,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// `node` as a mapping that holds no keys but those in `known`. `what` names it in messages, `line` is where it was
    /// announced. Notes unknown and repeated keys, and `None` where it is no mapping.
    pub(crate) fn read(node: &'a Node, what: &str, line: u64, known: &[&str], context: Context<'_>) -> Option<Self> {
        let entries = entries(node, what, context)?;
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                let hint = did_you_mean(&key.name, known.iter().copied());
                context.problem(key.line, format!("{what}: unknown key `{}`", key.name), hint);
            }
        }
        Some(Self { what: what.to_owned(), line, entries })
    }

    /// The value of a key.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The value of a key, and the key's line.
    pub(crate) fn entry(&self, name: &str) -> Option<(u64, &'a Node)> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key.line, node))
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&self, name: &str, context: Context<'_>) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            context.problem(self.line, format!("{}: `{name}` is missing", self.what), None);
        }
        found
    }

    /// The text of a key that must be there.
    pub(crate) fn require_text(&self, name: &str, context: Context<'_>) -> Option<String> {
        text(self.require(name, context)?, &self.name_of(name), context)
    }

    /// The text of a key that may be there.
    pub(crate) fn optional_text(&self, name: &str, context: Context<'_>) -> Option<String> {
        text(self.get(name)?, &self.name_of(name), context)
    }

    /// How a key of this mapping is called in messages.
    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("{}: `{name}`", self.what)
    }
}

/// The entries of a mapping with free keys. Notes repeated ones, and `None` where `node` is no mapping.
pub(crate) fn entries<'a>(node: &'a Node, what: &str, context: Context<'_>) -> Option<&'a [(Key, Node)]> {
    let Value::Mapping(entries) = &node.value else {
        context.problem(node.line, format!("{what} must be a mapping, not {}", node.value.kind()), None);
        return None;
    };
    for (number, (key, _)) in entries.iter().enumerate() {
        if let Some((first, _)) = entries[..number].iter().find(|(earlier, _)| earlier.name == key.name) {
            let message = format!("{what}: `{}` stands here and on line {}", key.name, first.line);
            context.problem(key.line, message, "keep one of them".to_owned());
        }
    }
    Some(entries)
}

/// The items of a list.
pub(crate) fn list<'a>(node: &'a Node, what: &str, context: Context<'_>) -> Option<&'a [Node]> {
    if let Value::List(items) = &node.value {
        return Some(items);
    }
    context.problem(node.line, format!("{what} must be a list, not {}", node.value.kind()), None);
    None
}

/// A text that is not empty, after substitution.
pub(crate) fn text(node: &Node, what: &str, context: Context<'_>) -> Option<String> {
    let hint = match &node.value {
        Value::Text(text) => {
            let text = context.substitute(text, node.line);
            if !text.is_empty() {
                return Some(text);
            }
            context.problem(node.line, format!("{what} is empty"), None);
            return None;
        }
        Value::Null => {
            context.problem(node.line, format!("{what} is empty"), "give it a value, or leave the key out".to_owned());
            return None;
        }
        Value::Boolean(_) | Value::Number(_) => Some("put it in quotes".to_owned()),
        Value::List(_) | Value::Mapping(_) => None,
    };
    context.problem(node.line, format!("{what} must be text, not {}", node.value.kind()), hint);
    None
}

/// One text, or a list of texts.
pub(crate) fn texts(node: &Node, what: &str, context: Context<'_>) -> Vec<(u64, String)> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| Some((item.line, text(item, what, context)?))).collect()
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node, what: &str, context: Context<'_>) -> Option<bool> {
    if let Value::Boolean(value) = node.value {
        return Some(value);
    }
    context.problem(node.line, format!("{what} must be `true` or `false`, not {}", node.value.kind()), None);
    None
}

/// A whole number of 32 bits, from 0.
pub(crate) fn count(node: &Node, what: &str, context: Context<'_>) -> Option<u32> {
    let number = match &node.value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    if number.is_none() {
        context.problem(node.line, format!("{what} must be a whole number from 0"), None);
    }
    number
}

/// The tree as JSON, keys in the order of the file, variables left as they are.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Number(number) => number.clone().into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Mapping(entries) => {
            serde_json::Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), json(value))).collect())
        }
    }
}
