//! The CBOR form of the native Kinesis dialect, as the AWS SDK for Java speaks it.

use ciborium::Value;
use ciborium::value::Integer;
use pinflow_gateway::GatewaySettings;
use serde_json::json;

use crate::harness::Harness;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn map(members: Vec<(&str, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (text(name), value)).collect())
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let members = value.as_map().unwrap();
    &members.iter().find(|(key, _)| key.as_text() == Some(name)).unwrap_or_else(|| panic!("no `{name}` in {value:?}")).1
}

impl Harness {
    async fn cbor_ok(&self, operation: &str, members: Vec<(&str, Value)>) -> Value {
        let (status, reply) = self.kinesis_cbor(operation, &bytes(&map(members))).await;
        assert_eq!(status, 200, "{operation}: {reply:?}");
        reply
    }
}

#[tokio::test]
async fn blobs_are_bytes_and_times_are_tagged_milliseconds() {
    let harness = Harness::new(GatewaySettings::default());
    let none = harness
        .cbor_ok("CreateStream", vec![("StreamName", text("s")), ("ShardCount", Value::Integer(1.into()))])
        .await;
    assert_eq!(none, Value::Null);
    let data = vec![0, 255, 128, 10];
    let record = vec![("StreamName", text("s")), ("PartitionKey", text("k")), ("Data", Value::Bytes(data.clone()))];
    let placed = harness.cbor_ok("PutRecord", record).await;
    assert_eq!(member(&placed, "ShardId"), &text("shardId-000000000000"));
    // Longer than any buffer of the parser.
    let long = vec![7; 100_000];
    let entry = map(vec![("PartitionKey", text("k")), ("Data", Value::Bytes(long.clone()))]);
    let records = vec![("StreamName", text("s")), ("Records", Value::Array(vec![entry]))];
    assert_eq!(member(&harness.cbor_ok("PutRecords", records).await, "FailedRecordCount"), &Value::Integer(0.into()));

    let now = Value::Tag(1, Box::new(Value::Integer(Integer::from(1_700_000_000_123_i64))));
    let iterator = harness
        .cbor_ok(
            "GetShardIterator",
            vec![
                ("StreamName", text("s")),
                ("ShardId", text("shardId-000000000000")),
                ("ShardIteratorType", text("AT_TIMESTAMP")),
                ("Timestamp", now.clone()),
            ],
        )
        .await;
    let read = harness.cbor_ok("GetRecords", vec![("ShardIterator", member(&iterator, "ShardIterator").clone())]).await;
    let records = member(&read, "Records").as_array().unwrap();
    assert_eq!(member(&records[0], "Data"), &Value::Bytes(data));
    assert_eq!(member(&records[1], "Data"), &Value::Bytes(long));
    assert_eq!(member(&records[0], "ApproximateArrivalTimestamp"), &now);
    assert_eq!(member(&read, "MillisBehindLatest"), &Value::Integer(0.into()));
    let described = harness.cbor_ok("DescribeStream", vec![("StreamName", text("s"))]).await;
    assert_eq!(member(member(&described, "StreamDescription"), "StreamCreationTimestamp"), &now);
}

#[tokio::test]
async fn both_formats_give_the_same_replies() {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 2})).await;
    for (operation, body) in [
        ("ListStreams", json!({})),
        ("DescribeStream", json!({"StreamName": "s"})),
        ("DescribeStreamSummary", json!({"StreamName": "s"})),
        ("ListShards", json!({"StreamName": "s"})),
        ("DescribeLimits", json!({})),
        ("ListTagsForStream", json!({"StreamName": "s"})),
    ] {
        let expected = harness.kinesis_ok(operation, body.clone()).await;
        let (_, reply) = harness.kinesis_cbor(operation, &bytes(&Value::serialized(&body).unwrap())).await;
        assert_eq!(as_json(&reply), expected, "{operation}");
    }
}

/// What the JSON form of a reply without blobs is.
fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Map(members) => {
            members.iter().map(|(name, value)| (name.as_text().unwrap().to_owned(), as_json(value))).collect()
        }
        Value::Array(values) => values.iter().map(as_json).collect(),
        Value::Tag(1, millis) => json!(i128::from(millis.as_integer().unwrap()) as f64 / 1_000.0),
        Value::Integer(integer) => json!(i64::try_from(*integer).unwrap()),
        Value::Text(text) => json!(text),
        Value::Bool(boolean) => json!(boolean),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn indefinite_lengths_nulls_and_unknown_members_are_read() {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    // {_ "StreamName": (_ "s"), "Data": (_ h'01' h'02'), "PartitionKey": "k", "ExplicitHashKey": null, "More": [_ undefined]}
    let body = b"\xbf\x6aStreamName\x7f\x61s\xff\x64Data\x5f\x41\x01\x41\x02\xff\x6cPartitionKey\x61k\x6fExplicitHashKey\xf6\x64More\x9f\xf7\xff\xff";
    let (status, reply) = harness.kinesis_cbor("PutRecord", body).await;
    assert_eq!(status, 200, "{reply:?}");
    assert_eq!(harness.stored("s", 0).await[0].value.as_deref(), Some(&[1, 2][..]));
}

#[tokio::test]
async fn errors_are_cbor_too() {
    let harness = Harness::new(GatewaySettings::default());
    let (status, refused) =
        harness.kinesis_cbor("DescribeStream", &bytes(&map(vec![("StreamName", text("none"))]))).await;
    assert_eq!(status, 400);
    assert_eq!(member(&refused, "__type"), &text("ResourceNotFoundException"));
    assert_eq!(member(&refused, "message"), &text("Stream none under account 000000000000 not found."));

    let (_, refused) = harness.kinesis_cbor("PutRecord", &bytes(&map(vec![("PartitionKey", Value::Bool(true))]))).await;
    assert_eq!(member(&refused, "__type"), &text("SerializationException"));
    assert_eq!(member(&refused, "Message"), &text("class java.lang.Boolean can not be converted to an String"));
    for broken in [&b"\xa1"[..], b"\xff", b"\x00", b"\xa0\x00", b"\xf6", b"{}", &[0x9f; 10_000]] {
        let (status, refused) = harness.kinesis_cbor("PutRecord", broken).await;
        assert_eq!(status, 400);
        assert_eq!(refused, map(vec![("__type", text("SerializationException"))]), "{broken:?}");
    }
}

/// What is not well-formed, or lies about its length, is refused, and takes no more memory than it is long.
#[tokio::test]
async fn random_cbor_is_answered() {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let good = bytes(&map(vec![
        ("StreamName", text("s")),
        ("Records", Value::Array(vec![map(vec![("PartitionKey", text("k")), ("Data", Value::Bytes(vec![1, 2, 3]))])])),
    ]));
    let mut seed = 0x5eed_u64;
    let mut below = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 11).unwrap() % bound
    };
    for _ in 0..5_000 {
        let mut body = good.clone();
        for _ in 0..=below(4) {
            let at = below(body.len());
            body[at] = u8::try_from(below(256)).unwrap();
        }
        let (status, reply) = harness.kinesis_cbor("PutRecords", &body).await;
        assert!(!status.is_server_error(), "{body:?}: {reply:?}");
    }
    for announced in [
        &b"\xbf\x67Records\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\xa1\x64Data\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let (status, _) = harness.kinesis_cbor("PutRecord", announced).await;
        assert_eq!(status, 400);
    }
}
