//! `tests:` in `pipeline.yaml`: events in, rows and dead letters out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::context::Context;
use crate::fields::{self, Fields};
use crate::job::Targets;
use crate::nearest::did_you_mean;
use crate::query::files;
use crate::yaml::{Key, Node, Value};
use crate::{TestCase, TestDead, TestStream};

const DEFAULT_PATTERN: &str = "tests/*.yaml";
const STREAM_KEYS: [&str; 3] = ["events", "rows", "dead"];

/// The cases of the files that `tests:` names, or of `tests/*.yaml` where it is left out.
pub(crate) fn read(node: Option<&Node>, targets: &Targets, context: Context<'_>) -> Vec<TestCase> {
    let files = files(node, "`tests`", DEFAULT_PATTERN, context);
    files.iter().flat_map(|file| read_file(targets, context.in_file(file))).collect()
}

fn read_file(targets: &Targets, context: Context<'_>) -> Vec<TestCase> {
    let Some(node) = context.read_yaml() else {
        return Vec::new();
    };
    let items = fields::list(&node, "a file of tests", context).unwrap_or_default();
    let mut cases: Vec<TestCase> = Vec::new();
    for case in items.iter().filter_map(|item| read_case(item, targets, context)) {
        if let Some(first) = cases.iter().find(|earlier| earlier.name == case.name) {
            let message = format!("test `{}` stands here and on line {}", case.name, first.line);
            context.problem(case.line, message, "give it another name".to_owned());
        }
        cases.push(case);
    }
    cases
}

fn read_case(node: &Node, targets: &Targets, context: Context<'_>) -> Option<TestCase> {
    const KEYS: [&str; 7] = ["name", "stream", "events", "rows", "dead", "streams", "answers"];
    let read = Fields::read(node, "a test", node.line, &KEYS, context)?;
    let name = read.require_text("name", context)?;
    let what = format!("test `{name}`");
    let streams = match (read.entry("stream"), read.get("streams")) {
        (Some((_, stream)), None) => {
            let stream_name = fields::text(stream, &format!("{what}: `stream`"), context)?;
            let key = Key { line: stream.line, name: stream_name };
            read_stream(&key, &read, targets, &what, context).into_iter().collect()
        }
        (None, Some(streams)) => {
            for key in STREAM_KEYS {
                if let Some((line, _)) = read.entry(key) {
                    let hint = format!(
                        "put it under `streams:`, below the stream's name, or name one with `stream:`: `{key}` belongs to a stream"
                    );
                    context.problem(line, format!("{what}: whose `{key}` are these?"), hint);
                }
            }
            read_streams(streams, targets, &what, context)
        }
        _ => {
            let hint =
                "write `stream: NAME` with `events:` beside it, or `streams:` with the names below it".to_owned();
            context.problem(node.line, format!("{what} needs either `stream` or `streams`"), hint);
            Vec::new()
        }
    };
    let answers = read.get("answers").map(|node| read_answers(node, targets, &what, context)).unwrap_or_default();
    Some(TestCase { file: context.file.into(), line: node.line, name, streams, answers })
}

fn read_streams(node: &Node, targets: &Targets, case: &str, context: Context<'_>) -> Vec<TestStream> {
    let entries = fields::entries(node, &format!("{case}: `streams`"), context).unwrap_or_default();
    let read = |(key, node): &(Key, Node)| {
        let what = format!("{case}: stream `{}`", key.name);
        let read = Fields::read(node, &what, key.line, &STREAM_KEYS, context)?;
        read_stream(key, &read, targets, &what, context)
    };
    entries.iter().filter_map(read).collect()
}

fn read_stream(
    key: &Key,
    read: &Fields<'_>,
    targets: &Targets,
    what: &str,
    context: Context<'_>,
) -> Option<TestStream> {
    if !targets.streams.contains(&key.name) {
        let hint = did_you_mean(&key.name, targets.streams.iter().map(String::as_str));
        context.problem(key.line, format!("{what}: unknown stream `{}`", key.name), hint);
    }
    let events = fields::list(read.require("events", context)?, &format!("{what}: `events`"), context)?;
    let rows = read.get("rows").map(|node| read_rows(node, &format!("{what}: `rows`"), context));
    let dead = read.get("dead").map(|node| read_dead(node, events.len(), what, context));
    let events = events.iter().filter_map(|event| read_event(event, what, context)).collect();
    Some(TestStream { stream: key.name.clone(), events, rows, dead })
}

/// The bytes of an event: a mapping as JSON text, `{raw: ...}` and `{base64: ...}` as they are.
fn read_event(node: &Node, what: &str, context: Context<'_>) -> Option<Vec<u8>> {
    let Value::Mapping(entries) = &node.value else {
        let hint = "write bytes that are no JSON object as `{raw: \"...\"}` or `{base64: \"...\"}`".to_owned();
        context.problem(node.line, format!("{what}: an event must be a mapping, not {}", node.value.kind()), hint);
        return None;
    };
    if let [(key, Node { value: Value::Text(text), line })] = &entries[..] {
        match key.name.as_str() {
            "raw" => return Some(text.clone().into_bytes()),
            "base64" => {
                let decoded = BASE64.decode(text);
                if let Err(error) = &decoded {
                    context.problem(*line, format!("{what}: this is not base64: {error}"), None);
                }
                return decoded.ok();
            }
            _ => {}
        }
    }
    no_repeated_keys(node, what, context);
    Some(fields::json(node).to_string().into_bytes())
}

/// Notes keys that the JSON object would silently lose.
fn no_repeated_keys(node: &Node, what: &str, context: Context<'_>) {
    match &node.value {
        Value::Mapping(_) => {
            let what = format!("{what}: an event (write it as `{{raw: ...}}` if that is meant)");
            let entries = fields::entries(node, &what, context).unwrap_or_default();
            entries.iter().for_each(|(_, inner)| no_repeated_keys(inner, &what, context));
        }
        Value::List(items) => items.iter().for_each(|inner| no_repeated_keys(inner, what, context)),
        _ => {}
    }
}

fn read_rows(node: &Node, what: &str, context: Context<'_>) -> Vec<serde_json::Value> {
    let rows = fields::list(node, what, context).unwrap_or_default();
    rows.iter()
        .filter(|row| fields::entries(row, &format!("{what}: a row"), context).is_some())
        .map(fields::json)
        .collect()
}

fn read_dead(node: &Node, events: usize, what: &str, context: Context<'_>) -> Vec<TestDead> {
    let items = fields::list(node, &format!("{what}: `dead`"), context).unwrap_or_default();
    let read = |item: &Node| {
        let what = format!("{what}: a dead letter");
        let read = Fields::read(item, &what, item.line, &["event", "reason"], context)?;
        let event = read.require("event", context);
        let event = event.and_then(|node| Some((node.line, fields::count(node, &read.name_of("event"), context)?)));
        let reason = read.require_text("reason", context);
        let (line, number) = event?;
        let event = usize::try_from(number).ok().filter(|number| *number < events);
        if event.is_none() {
            let hint = "events are counted from 0".to_owned();
            context.problem(line, format!("{what}: there is no event {number}, only {events} events"), hint);
        }
        Some(TestDead { event: event?, reason: reason? })
    };
    items.iter().filter_map(read).collect()
}

fn read_answers(
    node: &Node,
    targets: &Targets,
    case: &str,
    context: Context<'_>,
) -> Vec<(String, Vec<serde_json::Value>)> {
    let entries = fields::entries(node, &format!("{case}: `answers`"), context).unwrap_or_default();
    let read = |(key, node): &(Key, Node)| {
        if !targets.queries.contains(&key.name) {
            let hint = did_you_mean(&key.name, targets.queries.iter().map(String::as_str));
            context.problem(key.line, format!("{case}: unknown query `{}`", key.name), hint);
        }
        (key.name.clone(), read_rows(node, &format!("{case}: answer `{}`", key.name), context))
    };
    entries.iter().map(read).collect()
}
