//! The native dialect of Kinesis, as the AWS SDKs and CLI speak it: `POST /` with the operation in `X-Amz-Target`, in JSON or CBOR.
//!
//! A request is checked in the order in which Kinesis does it: method, content type, whether the body can be parsed, operation,
//! signature, types, constraints, and only then what the operation itself has to say.

mod authentication;
mod cors;
mod error;
mod event_stream;
mod format;
mod openapi;
mod operation;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::dialect::{Call, Dialect};
use crate::kinesis::Kinesis;
use crate::request_id::RequestId;
pub(crate) use openapi::api;

use error::Refusal;
use format::Format;
use operation::Target;

const TARGET: &str = "x-amz-target";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXTENDED_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// The native dialect of Kinesis.
#[derive(Debug)]
pub(crate) struct KinesisNative;

#[async_trait]
impl Dialect for KinesisNative {
    fn name(&self) -> &'static str {
        "kinesis"
    }

    /// What carries a target or a content type of AWS, whatever its path; at `/` also what is signed, and all that writes: no other
    /// dialect has anything there. So a client with a wrong or missing target gets an answer that it understands.
    fn claims(&self, call: &Call) -> bool {
        let signed = || {
            let header = call.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4"));
            header || call.uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm"))
        };
        call.headers.contains_key(TARGET)
            || content_type(&call.headers).starts_with("application/x-amz-")
            || cors::asks_for_target(&call.headers)
            || (call.path.root().is_none() && (!call.method.is_safe() || signed()))
    }

    async fn answer(&self, call: &Call, body: Body) -> Response {
        let allowed_origin = call.backend.settings.allowed_origin.as_deref();
        let cross_origin = cors::is_cross_origin(&call.headers);
        let preflight = cross_origin && call.method == Method::OPTIONS;
        let mut response =
            if preflight { cors::preflight(&call.headers, allowed_origin) } else { answer(call, body).await };
        if cross_origin {
            cors::allow_origin(&mut response, allowed_origin);
        }
        identify(&mut response, call.id, preflight);
        response
    }
}

async fn answer(call: &Call, body: Body) -> Response {
    let format = Format::of(content_type(&call.headers));
    operate(call, format, body).await.unwrap_or_else(|refusal| {
        call.metrics.refuse(refusal.kind());
        if refusal.status().is_server_error() {
            // Whoever failed has logged it once; here it is said for each request.
            tracing::debug!(request = %call.id, "{refusal}");
        }
        refusal.into_response(format.unwrap_or(Format::Cbor))
    })
}

async fn operate(call: &Call, format: Option<Format>, body: Body) -> Result<Response, Refusal> {
    if call.method != Method::POST {
        return Err(Refusal::NoOperation);
    }
    let target = call.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let target = Target::parse(target);
    let operation = target.operation().ok_or(Refusal::UnknownOperation);
    // A signature covers the body as it was sent.
    let sent = call.read_encoded(body).await?;
    let body = call.decoded(sent.clone())?;
    if body.is_empty() {
        return Err(operation.err().unwrap_or(Refusal::NotParsed));
    }
    let Some(format) = format else {
        let plain_json = content_type(&call.headers) == "application/json";
        return Err(match plain_json {
            true => Refusal::PlainJson { parsed: Format::Json.is_structure(&body) },
            false if target.is_complete() => Refusal::NoFormat,
            false => Refusal::NoOperation,
        });
    };
    let authenticated = operation.and_then(|operation| Ok((operation, authentication::authenticate(call, &sent)?)));
    let (operation, caller) = authenticated.map_err(|refusal| {
        // The body comes first, but on the way of good requests it is parsed once, by the operation.
        if format.is_structure(&body) { refusal } else { Refusal::NotParsed }
    })?;
    call.metrics.identify(&caller);
    operation.carry_out(&Kinesis::new(call, caller), format, &body).await
}

/// The content type without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Adds the ids by which AWS identifies every reply; one to a browser that asks beforehand has the first alone.
fn identify(response: &mut Response, id: RequestId, preflight: bool) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    if preflight {
        return;
    }
    // 80 bytes, as many as those of AWS have.
    let extended: Vec<u8> = id.words().take(10).flat_map(u64::to_be_bytes).collect();
    if let Ok(value) = HeaderValue::try_from(BASE64.encode(extended)) {
        headers.insert(EXTENDED_REQUEST_ID, value);
    }
}
