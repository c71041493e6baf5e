//! Who may do what over the native Kinesis dialect. The signatures were made by botocore.

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;
use serde_json::json;

use crate::harness::{Harness, Reply};

pub const LIST: &str = "
callers:
  - name: loader
    signing_keys: [{ access_key_id: AKIDEXAMPLE, secret_access_key: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY }]
    produce: [mine]
    administer: [mine]
  - name: other
    api_keys: [other-key]
";

pub async fn send(harness: &Harness, operation: &str, body: &'static str, signature: &str) -> Reply {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/kinesis/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}"
    );
    let request = Request::post("/")
        .header("host", "localhost:4568")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20231114T221320Z")
        .header("authorization", authorization);
    harness.send(request.body(Body::from(body)).unwrap()).await
}

const CREATE: (&str, &str) =
    (r#"{"StreamName":"mine","ShardCount":1}"#, "dc309654cc3f049b9e644f321713e1ab4a7b7e53f2b302183ee6a6cbce95b138");
const PUT: (&str, &str) = (
    r#"{"StreamName":"mine","Data":"eA==","PartitionKey":"k"}"#,
    "b5c19c088c9898b0c2f54979070a5de6356aa9fccea66fd954b3f568eea31f8e",
);
const PUT_ELSEWHERE: (&str, &str) = (
    r#"{"StreamName":"theirs","Data":"eA==","PartitionKey":"k"}"#,
    "e73bdc949bb46861997ed9a9fad8a05dbdc0cb7be102b20ea36612f9059f3e5d",
);
pub const LIST_STREAMS: (&str, &str) = ("{}", "a60d3f61315a4b74ad8007ef9f41ce29985a747158e22fde124ac4c5dde91822");

#[tokio::test]
async fn a_signature_names_the_caller_and_the_caller_has_rights() {
    let harness = Harness::guarded(GatewaySettings::default(), LIST);
    let theirs = pinflow_event::TopicName::new("theirs").unwrap();
    harness.log.create_topic(&theirs, pinflow_log::TopicConfig::default()).await.unwrap();
    assert_eq!(send(&harness, "CreateStream", CREATE.0, CREATE.1).await.status, 200);
    assert_eq!(send(&harness, "PutRecord", PUT.0, PUT.1).await.status, 200);
    assert_eq!(harness.stored("mine", 0).await.len(), 1);

    let refused = send(&harness, "PutRecord", PUT_ELSEWHERE.0, PUT_ELSEWHERE.1).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json(),
        json!({
            "__type": "AccessDeniedException",
            "message": "User: arn:aws:iam::000000000000:user/loader is not authorized to perform: kinesis:PutRecord on resource: \
                        arn:aws:kinesis:us-east-1:000000000000:stream/theirs because no identity-based policy allows the \
                        kinesis:PutRecord action",
        })
    );
    assert!(harness.stored("theirs", 0).await.is_empty());
    // A list shows what the caller has any right on.
    let list = send(&harness, "ListStreams", LIST_STREAMS.0, LIST_STREAMS.1).await;
    assert_eq!(list.json()["StreamNames"], json!(["mine"]));
}

#[tokio::test]
async fn a_signature_is_of_one_body_and_one_time() {
    let harness = Harness::guarded(GatewaySettings::default(), LIST);
    let kind = async |body, signature| send(&harness, "PutRecord", body, signature).await.json()["__type"].clone();
    assert_eq!(kind(PUT.0, PUT.1).await, "ResourceNotFoundException");
    assert_eq!(kind(PUT_ELSEWHERE.0, PUT.1).await, "InvalidSignatureException");
    // What cannot be parsed is refused for that first.
    assert_eq!(kind("{", PUT.1).await, "SerializationException");
    harness.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(kind(PUT.0, PUT.1).await, "InvalidSignatureException");
    let unsigned = harness.kinesis_refused("ListStreams", json!({})).await;
    assert_ne!(unsigned.0, "AccessDeniedException", "no signature of a known key: {unsigned:?}");
}
