//! A client of the native Kinesis dialect.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use crate::harness::{Harness, Reply};

/// A complete signature, of no known key.
pub const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKID/20231114/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";

pub fn request(operation: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("content-type", content_type)
        .header("authorization", SIGNATURE)
        .header("x-amz-date", "20231114T221320Z")
        .body(body.into())
        .unwrap()
}

impl Harness {
    /// Carries an operation out, in JSON.
    pub async fn kinesis(&self, operation: &str, body: Value) -> Reply {
        self.send(request(operation, "application/x-amz-json-1.1", body.to_string())).await
    }

    /// Carries an operation out that must succeed; null where it has no result.
    pub async fn kinesis_ok(&self, operation: &str, body: Value) -> Value {
        let reply = self.kinesis(operation, body).await;
        assert_eq!(reply.status, 200, "{operation}: {}", reply.body);
        if reply.body.is_empty() { Value::Null } else { reply.json() }
    }

    /// The type and the message with which an operation is refused.
    pub async fn kinesis_refused(&self, operation: &str, body: Value) -> (String, String) {
        let reply = self.kinesis(operation, body).await;
        assert_eq!(reply.status, 400, "{operation}: {}", reply.body);
        let refusal = reply.json();
        let text = |member: &str| refusal[member].as_str().map(str::to_owned);
        (text("__type").unwrap(), text("message").or_else(|| text("Message")).unwrap_or_default())
    }

    /// Carries an operation out, in CBOR.
    pub async fn kinesis_cbor(&self, operation: &str, body: &[u8]) -> (StatusCode, ciborium::Value) {
        let request = request(operation, "application/x-amz-cbor-1.1", body.to_vec());
        let (head, body) = self.gateway.router().oneshot(request).await.unwrap().into_parts();
        assert_eq!(head.headers["content-type"], "application/x-amz-cbor-1.1");
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = if body.is_empty() { ciborium::Value::Null } else { ciborium::from_reader(&body[..]).unwrap() };
        (head.status, body)
    }
}
