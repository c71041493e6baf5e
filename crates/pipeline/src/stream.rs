//! `streams:` in `pipeline.yaml`.

use std::time::Duration;

use pinflow_event::TopicName;

use crate::context::Context;
use crate::duration;
use crate::fields::{self, Fields};
use crate::name::{is_folder_name, is_sql_name};
use crate::nearest::did_you_mean;
use crate::sql;
use crate::uniqueness::Claims;
use crate::unknown_fields;
use crate::yaml::{Key, Node, Value};
use crate::{Field, FieldType, Lane, LaneSpec, Stream, WrongType};

const KEYS: [&str; 6] = ["batch", "stream", "key", "schema", "unknown_fields", "clean"];
/// A shorter window would be over before a client tries again.
const SHORTEST_WINDOW: Duration = Duration::from_secs(60);
const TYPES: [&str; 4] = ["string", "bigint", "double", "boolean"];

/// The streams that could be read, in the order of the file.
pub(crate) fn read(node: &Node, context: Context<'_>) -> Vec<Stream> {
    let Some(entries) = fields::entries(node, "`streams`", context) else {
        return Vec::new();
    };
    if entries.is_empty() {
        context.problem(node.line, "`streams` is empty: a pipeline needs at least one stream", None);
    }
    let mut claims = Claims::default();
    let streams = entries.iter().filter_map(|(key, node)| read_stream(key, node, &mut claims, context)).collect();
    claims.report(context);
    streams
}

fn read_stream(key: &Key, node: &Node, claims: &mut Claims, context: Context<'_>) -> Option<Stream> {
    let what = format!("stream `{}`", key.name);
    if !is_sql_name(&key.name) {
        let hint = "a stream is a table in SQL: use lower-case letters, digits and `_`, a letter first".to_owned();
        context.problem(key.line, format!("{what}: the name is not allowed"), hint);
    }
    let read = Fields::read(node, &what, key.line, &KEYS, context)?;
    // Each part is read before any is asked for, so that all their problems are noted.
    let batch = read_lane(Lane::Batch, &read, &key.name, claims, context);
    let stream = read_lane(Lane::Stream, &read, &key.name, claims, context);
    let schema = read.require("schema", context).and_then(|node| read_schema(node, &read.name_of("schema"), context));
    let clean = read.require("clean", context).and_then(|node| {
        let path = fields::text(node, &read.name_of("clean"), context)?;
        sql::read(&path, node.line, context)
    });
    let (key_column, within) = read.get("key").map_or((None, None), |node| read_key(node, &what, context));
    let declared = schema.as_deref().unwrap_or_default();
    let unknown_fields = read
        .get("unknown_fields")
        .map(|node| unknown_fields::read(node, &read.name_of("unknown_fields"), declared, context))
        .unwrap_or_default();
    Some(Stream {
        name: key.name.clone(),
        batch: batch?,
        stream: stream?,
        key: key_column,
        within,
        schema: schema?,
        unknown_fields,
        clean: clean?,
    })
}

/// `key: id`, or `key: {column: id, within: 7d}`.
fn read_key(node: &Node, stream: &str, context: Context<'_>) -> (Option<String>, Option<Duration>) {
    let what = format!("{stream}: `key`");
    match &node.value {
        Value::Null => {
            let hint = "leave `key` out for a stream that keeps every row".to_owned();
            context.problem(node.line, format!("{what} is empty"), hint);
            (None, None)
        }
        Value::Mapping(_) => {
            let Some(read) = Fields::read(node, &what, node.line, &["column", "within"], context) else {
                return (None, None);
            };
            let within = read.get("within").and_then(|node| read_within(node, &read.name_of("within"), context));
            (read.require_text("column", context), within)
        }
        _ => (fields::text(node, &what, context), None),
    }
}

fn read_within(node: &Node, what: &str, context: Context<'_>) -> Option<Duration> {
    let text = fields::text(node, what, context)?;
    let window = duration::parse(&text).filter(|window| *window >= SHORTEST_WINDOW);
    if window.is_none() {
        let message = format!("{what} must be a duration of a minute or more, not `{text}`");
        context.problem(node.line, message, duration::FORM.to_owned());
    }
    window
}

fn read_lane(
    lane: Lane,
    stream: &Fields<'_>,
    name: &str,
    claims: &mut Claims,
    context: Context<'_>,
) -> Option<LaneSpec> {
    let node = stream.require(lane.as_str(), context)?;
    let what = stream.name_of(lane.as_str());
    let read = Fields::read(node, &what, node.line, &["topic", "table"], context)?;
    let topic = read.require("topic", context).and_then(|node| {
        let text = fields::text(node, &read.name_of("topic"), context)?;
        match TopicName::new(&text) {
            Ok(topic) => {
                claims.topic(lane, &topic, name, node.line);
                Some(topic)
            }
            Err(error) => {
                context.problem(node.line, format!("{what}: {error}"), None);
                None
            }
        }
    });
    let (table, line) = match read.get("table") {
        Some(node) => (fields::text(node, &read.name_of("table"), context)?, node.line),
        None => (name.to_owned(), node.line),
    };
    if !is_folder_name(&table) {
        let hint = "a table is a folder: use letters, digits, `_` and `-`".to_owned();
        context.problem(line, format!("{what}: `{table}` is no name of a table"), hint);
        return None;
    }
    claims.table(lane, &table, name, line);
    Some(LaneSpec { topic: topic?, table })
}

fn read_schema(node: &Node, what: &str, context: Context<'_>) -> Option<Vec<Field>> {
    let entries = fields::entries(node, what, context)?;
    if entries.is_empty() {
        context.problem(node.line, format!("{what} has no fields"), None);
        return None;
    }
    for (number, (key, _)) in entries.iter().enumerate() {
        let folded = key.name.to_lowercase();
        let twin = |earlier: &Key| earlier.name != key.name && earlier.name.to_lowercase() == folded;
        if let Some((earlier, _)) = entries[..number].iter().find(|(earlier, _)| twin(earlier)) {
            let message = format!("{what}: `{}` and `{}` are one column in SQL", earlier.name, key.name);
            context.problem(key.line, message, "keep one of them".to_owned());
        }
    }
    // `collect` into an option would stop at the first bad field.
    let fields: Vec<_> = entries.iter().map(|(key, node)| read_field(key, node, what, context)).collect();
    fields.into_iter().collect()
}

fn read_field(key: &Key, node: &Node, schema: &str, context: Context<'_>) -> Option<Field> {
    let what = format!("{schema}: field `{}`", key.name);
    let plain =
        Field { name: key.name.clone(), kind: FieldType::String, required: false, wrong_type: WrongType::default() };
    if !matches!(node.value, Value::Mapping(_)) {
        return Some(Field { kind: read_type(node, &what, context)?, ..plain });
    }
    let read = Fields::read(node, &what, key.line, &["type", "required", "wrong_type"], context)?;
    let kind = read.require("type", context).and_then(|node| read_type(node, &what, context));
    let required = read.get("required").and_then(|node| fields::boolean(node, &read.name_of("required"), context));
    let wrong_type = read.get("wrong_type").and_then(|node| read_wrong_type(node, &what, context));
    Some(Field {
        kind: kind?,
        required: required.unwrap_or(plain.required),
        wrong_type: wrong_type.unwrap_or(plain.wrong_type),
        name: plain.name,
    })
}

fn read_type(node: &Node, what: &str, context: Context<'_>) -> Option<FieldType> {
    let name = fields::text(node, &format!("{what}: the type"), context)?;
    let kind = match name.as_str() {
        "string" => FieldType::String,
        "bigint" => FieldType::Bigint,
        "double" => FieldType::Double,
        "boolean" => FieldType::Boolean,
        _ => {
            context.problem(node.line, format!("{what}: unknown type `{name}`"), type_hint(&name));
            return None;
        }
    };
    Some(kind)
}

/// What to write for a type that other systems know.
fn type_hint(name: &str) -> Option<String> {
    let meant = match name.to_ascii_lowercase().as_str() {
        "int" | "integer" | "long" | "smallint" | "tinyint" | "int64" | "i64" => "bigint",
        "text" | "varchar" | "char" | "str" | "utf8" => "string",
        "float" | "real" | "decimal" | "numeric" | "number" | "float64" | "f64" => "double",
        "bool" => "boolean",
        "timestamp" | "datetime" | "date" | "time" => {
            return Some("take it as `string` and read it with `try_to_timestamp(...)` in the `SELECT`".to_owned());
        }
        other => return did_you_mean(other, TYPES),
    };
    Some(format!("did you mean `{meant}`?"))
}

fn read_wrong_type(node: &Node, what: &str, context: Context<'_>) -> Option<WrongType> {
    // YAML reads an unquoted `null` as nothing; what is meant is plain.
    if node.value == Value::Null {
        return Some(WrongType::Null);
    }
    match fields::text(node, &format!("{what}: `wrong_type`"), context)?.as_str() {
        "dead" => Some(WrongType::Dead),
        "null" => Some(WrongType::Null),
        other => {
            let hint = did_you_mean(other, ["dead", "null"]);
            context.problem(node.line, format!("{what}: unknown `wrong_type` `{other}`"), hint);
            None
        }
    }
}
