//! The operations of the dialect. They all are `POST /`; the header `X-Amz-Target` in the path's fragment tells them apart.

mod consumers;
mod records;
mod shards;
mod streams;
mod tags;

use pinflow_openapi::schema::{any_of, count, named, nullable, object, one_of_texts, open_object, text};
use pinflow_openapi::{Api, Operation, Parameter, Schema};
use serde_json::json;

use super::format::Format;
use super::operation::SERVICE;
use crate::kinesis::schema::{name, stream_arn};

const TARGET: &str = "X-Amz-Target";
const ERROR: &str = "KinesisError";
const PLAIN_JSON_ERROR: &str = "KinesisPlainJsonError";
const STREAM_NAME: &str = "KinesisStreamName";
const STREAM_ARN: &str = "KinesisStreamArn";
const CBOR: &str = "KinesisCbor";
/// Replies in XML have no content type.
const NO_TYPE: &str = "*/*";

/// The dialect.
pub(crate) fn api() -> Api {
    let operations = [
        vec![unknown_operation()],
        streams::operations(),
        shards::operations(),
        records::operations(),
        consumers::operations(),
        tags::operations(),
    ];
    let mut schemas = vec![
        (STREAM_NAME, nullable(name())),
        (STREAM_ARN, nullable(stream_arn())),
        (ERROR, any_of(["message?", "Message"].map(|message| object([("__type", text()), (message, text())])))),
        (PLAIN_JSON_ERROR, object([("Output", object([("__type", text())])), ("Version", text())])),
        (
            CBOR,
            json!({ "description": "As in JSON, but bytes are byte strings, and times milliseconds with the tag 1 (RFC 8949)" }),
        ),
    ];
    schemas.extend(streams::schemas());
    schemas.extend(shards::schemas());
    schemas.extend(records::schemas());
    schemas.extend(consumers::schemas());
    Api {
        tag: "Kinesis",
        description: "Kinesis Data Streams as the AWS SDKs and CLI speak it: `POST` with the operation in `X-Amz-Target`",
        operations: operations.into_iter().flatten().collect(),
        schemas,
    }
}

/// A request that names no operation. It is always refused.
fn unknown_operation() -> Operation {
    let operation = Operation::new("POST", "/", "kinesisUnknownOperation", "What names no operation is refused")
        .with(Parameter::header(TARGET, text()))
        .optional_body(content(open_object([])));
    refusals(operation)
}

/// An operation without a result.
fn command(operation: &'static str, summary: &'static str, request: Schema) -> Operation {
    described(operation, summary, request).reply(200, "It is done", [])
}

/// An operation with a result.
fn query(operation: &'static str, summary: &'static str, request: Schema, result: Schema) -> Operation {
    described(operation, summary, request).reply(200, "The result", content(result))
}

fn described(operation: &'static str, summary: &'static str, request: Schema) -> Operation {
    let target = format!("{SERVICE}.{operation}");
    let described = Operation::new("POST", format!("/#{TARGET}={target}"), format!("kinesis{operation}"), summary)
        .with(Parameter::header(TARGET, one_of_texts(&[&target])).required())
        .body(content(request));
    refusals(described)
}

/// With every way in which any operation is refused.
fn refusals(operation: Operation) -> Operation {
    let plain_json = || ("application/json", named(PLAIN_JSON_ERROR));
    operation
        .reply(400, "Refused; the body says why", content(named(ERROR)).into_iter().chain([plain_json()]))
        .reply_header("x-amzn-ErrorType", text())
        .reply_header("Retry-After", count())
        .reply(404, "The content type is not taken", [(NO_TYPE, text()), plain_json()])
        .reply_header("x-amzn-ErrorType", text())
        .reply(403, "Neither the target nor the content type is known", [(NO_TYPE, text())])
        .reply_header("x-amzn-ErrorType", text())
        .reply(413, "The body is too large", content(named(ERROR)))
        .reply_header("x-amzn-ErrorType", text())
        .reply(500, "What is kept of the stream cannot be read", content(named(ERROR)))
        .reply_header("x-amzn-ErrorType", text())
        .reply(503, "The log cannot be used", content(named(ERROR)))
        .reply_header("x-amzn-ErrorType", text())
}

/// A body in both formats.
fn content(body: Schema) -> [(&'static str, Schema); 2] {
    [(Format::Json.content_type(), body), (Format::Cbor.content_type(), named(CBOR))]
}

/// A request with these members. Others are ignored, and null is the same as none.
fn request<const N: usize>(members: [(&str, Schema); N]) -> Schema {
    open_object(members.map(|(name, of)| (name, if name.ends_with('?') { nullable(of) } else { of })))
}

/// A request for a stream, which is given by its name or by its ARN.
fn on_stream<const N: usize>(members: [(&str, Schema); N]) -> Schema {
    let mut schema = request(members);
    schema["properties"]["StreamName"] = named(STREAM_NAME);
    schema["properties"]["StreamARN"] = named(STREAM_ARN);
    with_any(schema, &[&["StreamName"], &["StreamARN"]])
}

/// A request that must have all members of one of these lists.
fn with_any(mut request: Schema, alternatives: &[&[&str]]) -> Schema {
    request["anyOf"] = alternatives.iter().map(|members| json!({ "required": members })).collect();
    request
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use pinflow_openapi::Document;
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;
    use crate::kinesis_native::operation::Operation as Known;

    #[test]
    fn every_known_operation_is_documented_and_no_other() {
        let document = Document::new("", "", &[api()]);
        let documented: BTreeSet<&str> =
            document.operations().filter_map(|(_, path)| path.split_once('.')).map(|(_, name)| name).collect();
        // The refusal of a wrong name lists the right ones.
        let none: StrDeserializer<'_, Error> = "none".into_deserializer();
        let refusal = Known::deserialize(none).unwrap_err().to_string();
        let known: BTreeSet<&str> = refusal.split('`').skip(3).step_by(2).collect();
        assert_eq!(documented, known);
        assert!(known.len() > 30);
    }
}
