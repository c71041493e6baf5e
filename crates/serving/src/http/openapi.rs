//! The operations of SQL over HTTP, for the OpenAPI document.

use pinflow_openapi::schema::{any, array, boolean, map, object, one_of_texts, text, text_of};
use pinflow_openapi::{Api, Operation, Parameter, Schema};

use super::PATH;
use super::format::Format;

const JSON: &str = "application/json";
const FORMATS: &[&str] = &["json", "ndjson", "csv", "arrow", "rows"];
const LANES: &[&str] = &["batch", "stream"];
/// Characters of a statement.
const LONGEST: usize = 100_000;

/// SQL over HTTP.
pub fn api() -> Api {
    let request = object([
        ("sql?", text_of(1, LONGEST)),
        ("lane?", one_of_texts(LANES)),
        ("committed?", boolean()),
        ("format?", one_of_texts(FORMATS)),
    ]);
    Api {
        tag: "SQL",
        description: "Answers for other tools: the form is what `Accept` likes best, or what `format` says",
        operations: vec![
            operation("GET", "askByUrl", "Ask a question in SQL, for tools that take an address")
                .with(Parameter::query("sql", text_of(1, LONGEST)).required()),
            operation("POST", "ask", "Ask a question in SQL")
                .with(Parameter::query("sql", text_of(1, LONGEST)))
                .optional_body([(JSON, request), ("application/sql", text()), ("text/plain", text())])
                .reply(413, "The body is too large", [(JSON, error())])
                .reply(415, "The body is of another media type", [(JSON, error())]),
        ],
        schemas: Vec::new(),
    }
}

fn operation(method: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let operation = Operation::new(method, PATH, id, summary)
        .with(Parameter::query("lane", one_of_texts(LANES)))
        .with(Parameter::query("committed", boolean()))
        .with(Parameter::query("format", one_of_texts(FORMATS)))
        .reply(
            200,
            "The rows, while they come in; a body that breaks off is not the whole answer",
            [
                (Format::Json.media_type(), array(map(any()))),
                (Format::Ndjson.media_type(), map(any())),
                (Format::Csv.media_type(), text()),
                (Format::Arrow.media_type(), text()),
                (Format::Rows.media_type(), array(any())),
            ],
        );
    // Refused by the HTTP library, before there is a request: without a body.
    let operation = operation.reply(414, "The address is too long; send the SQL as a body", []).reply(
        431,
        "The head is too large; send the SQL as a body",
        [],
    );
    let refusals = [
        (400, "The SQL is wrong, or the query came to its limits"),
        (401, "No credentials, or wrong ones"),
        (403, "From a page of another origin, under a strange host name, or without the right to do this"),
        (406, "There is no answer in such a form"),
        (500, "The node failed"),
        (503, "Not now; try again"),
    ];
    refusals
        .into_iter()
        .fold(operation, |operation, (status, description)| operation.reply(status, description, [(JSON, error())]))
}

fn error() -> Schema {
    object([("error", text()), ("hint?", text())])
}
