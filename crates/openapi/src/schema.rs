//! JSON Schema (2020-12, as OpenAPI 3.1 has it) in as few words as it takes.

use serde_json::{Value, json};

/// A JSON Schema.
pub type Schema = Value;

/// Any value at all.
pub fn any() -> Schema {
    json!({})
}

/// Any value but null.
pub fn not_null() -> Schema {
    json!({ "not": { "type": "null" } })
}

/// Any text.
pub fn text() -> Schema {
    json!({ "type": "string" })
}

/// A text that an expression matches wholly.
pub fn matching(pattern: &str) -> Schema {
    json!({ "type": "string", "pattern": format!("^{pattern}$") })
}

/// A text of `shortest` to `longest` characters.
pub fn text_of(shortest: usize, longest: usize) -> Schema {
    json!({ "type": "string", "minLength": shortest, "maxLength": longest })
}

/// One of these texts.
pub fn one_of_texts(texts: &[&str]) -> Schema {
    json!({ "type": "string", "enum": texts })
}

/// Bytes as base64 (RFC 4648, 4), padded.
pub fn base64() -> Schema {
    let mut schema = matching("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?");
    schema["contentEncoding"] = json!("base64");
    schema
}

/// `true` or `false`.
pub fn boolean() -> Schema {
    json!({ "type": "boolean" })
}

/// Any number.
pub fn number() -> Schema {
    json!({ "type": "number" })
}

/// A whole number from `least` to `most`.
pub fn integer(least: i64, most: i64) -> Schema {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// A whole number of 64 bits that is not negative: an offset, a count.
pub fn count() -> Schema {
    json!({ "type": "integer", "minimum": 0 })
}

/// Exactly this value.
pub fn constant(value: impl Into<Value>) -> Schema {
    json!({ "const": value.into() })
}

/// A list.
pub fn array(of: Schema) -> Schema {
    json!({ "type": "array", "items": of })
}

/// A list of `fewest` to `most` elements.
pub fn array_of(of: Schema, fewest: usize, most: usize) -> Schema {
    json!({ "type": "array", "items": of, "minItems": fewest, "maxItems": most })
}

/// The word of [`sequence`]: OpenAPI 3.2 has it beside a schema, as `itemSchema`.
pub(crate) const ITEM_SCHEMA: &str = "x-itemSchema";

/// One JSON value after the other, with or without space between them, for as long as they come. It is the schema of a body
/// alone.
pub fn sequence(of: Schema) -> Schema {
    json!({ "description": "One JSON value after the other, each as `x-itemSchema` has it", ITEM_SCHEMA: of })
}

/// Names and values, all of one schema.
pub fn map(of: Schema) -> Schema {
    json!({ "type": "object", "additionalProperties": of })
}

/// `fewest` to `most` names and values.
pub fn map_of(names: Schema, values: Schema, fewest: usize, most: usize) -> Schema {
    json!({
        "type": "object",
        "propertyNames": names,
        "additionalProperties": values,
        "minProperties": fewest,
        "maxProperties": most,
    })
}

/// That, or null.
pub fn nullable(of: Schema) -> Schema {
    any_of([of, json!({ "type": "null" })])
}

/// One or more of these.
pub fn any_of(schemas: impl IntoIterator<Item = Schema>) -> Schema {
    json!({ "anyOf": schemas.into_iter().collect::<Vec<_>>() })
}

/// An object with these members and no others. A name that ends in `?` may be missing.
pub fn object<const N: usize>(members: [(&str, Schema); N]) -> Schema {
    let mut schema = open_object(members);
    schema["additionalProperties"] = json!(false);
    schema
}

/// An object with these members, and any others. A name that ends in `?` may be missing.
pub fn open_object<const N: usize>(members: [(&str, Schema); N]) -> Schema {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties = members.iter().map(|(name, of)| (name.trim_end_matches('?').to_owned(), of.clone()));
    let mut schema = json!({ "type": "object", "properties": properties.collect::<serde_json::Map<_, _>>() });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The same, with a sentence for people.
pub fn described(mut of: Schema, description: &str) -> Schema {
    of["description"] = json!(description);
    of
}

/// The schema of that name in the document.
pub fn named(name: &str) -> Schema {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
