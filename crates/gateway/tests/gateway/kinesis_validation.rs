//! What is broken is named in the order of the service's model: first wrong types, in its own words, then all constraints in
//! one message.

use pinflow_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::harness::Harness;

const NOT_NULL: &str = "Member must not be null";
const NAME: &str = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
const HASH_KEY: &str = r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})";
const NUMBER: &str = r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})";
const NOT_EMPTY: &str = "Member must have length greater than or equal to 1";
const AT_LEAST_1: &str = "Member must have value greater than or equal to 1";
const LONG: &str = "Member must have length less than or equal to 128";

/// A broken constraint: the value as shown, its path, the rule.
type Broken<'a> = (&'a str, &'a str, &'a str);

fn message(broken: &[Broken]) -> String {
    let plural = if broken.len() == 1 { "" } else { "s" };
    let texts = broken.iter().map(|(value, path, rule)| {
        let shown = if *value == "null" { "null".to_owned() } else { format!("'{value}'") };
        format!("Value {shown} at '{path}' failed to satisfy constraint: {rule}")
    });
    format!("{} validation error{plural} detected: {}", broken.len(), texts.collect::<Vec<_>>().join("; "))
}

async fn check(cases: &[(&str, Value, &[Broken<'_>])]) {
    let harness = Harness::new(GatewaySettings::default());
    for (operation, body, broken) in cases {
        let (kind, text) = harness.kinesis_refused(operation, body.clone()).await;
        assert_eq!((kind.as_str(), text), ("ValidationException", message(broken)), "{operation} {body}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_in_order() {
    let null = |path| ("null", path, NOT_NULL);
    check(&[
        ("AddTagsToStream", json!({}), &[null("tags"), null("streamName")]),
        ("CreateStream", json!({}), &[null("shardCount"), null("streamName")]),
        ("DecreaseStreamRetentionPeriod", json!({}), &[null("retentionPeriodHours"), null("streamName")]),
        ("DeleteStream", json!({}), &[null("streamName")]),
        ("DescribeStream", json!({}), &[null("streamName")]),
        ("DescribeStreamSummary", json!({"StreamName": null}), &[null("streamName")]),
        ("GetRecords", json!({}), &[null("shardIterator")]),
        ("GetShardIterator", json!({}), &[null("shardId"), null("shardIteratorType"), null("streamName")]),
        ("IncreaseStreamRetentionPeriod", json!({}), &[null("retentionPeriodHours"), null("streamName")]),
        ("ListTagsForStream", json!({}), &[null("streamName")]),
        ("MergeShards", json!({}), &[null("shardToMerge"), null("adjacentShardToMerge"), null("streamName")]),
        ("PutRecord", json!({}), &[null("partitionKey"), null("data"), null("streamName")]),
        ("PutRecords", json!({}), &[null("records"), null("streamName")]),
        ("RemoveTagsFromStream", json!({}), &[null("tagKeys"), null("streamName")]),
        ("SplitShard", json!({}), &[null("newStartingHashKey"), null("streamName"), null("shardToSplit")]),
        ("UpdateShardCount", json!({}), &[null("scalingType"), null("streamName"), null("targetShardCount")]),
        ("RegisterStreamConsumer", json!({}), &[null("consumerName"), null("streamARN")]),
        ("SubscribeToShard", json!({}), &[null("consumerARN"), null("shardId"), null("startingPosition")]),
        ("TagResource", json!({}), &[null("resourceARN"), null("tags")]),
        ("UpdateStreamMode", json!({}), &[null("streamARN"), null("streamModeDetails")]),
        ("StartStreamEncryption", json!({}), &[null("encryptionType"), null("keyId"), null("streamName")]),
        ("EnableEnhancedMonitoring", json!({}), &[null("shardLevelMetrics"), null("streamName")]),
    ])
    .await;
}

#[tokio::test]
async fn what_is_empty_breaks_pattern_and_length() {
    let name = |path| [("", path, NAME), ("", path, NOT_EMPTY)];
    let [stream_pattern, stream_length] = name("streamName");
    let [shard_pattern, shard_length] = name("shardId");
    check(&[
        ("CreateStream", json!({"StreamName": "", "ShardCount": 0}), &[("0", "shardCount", AT_LEAST_1), stream_pattern, stream_length]),
        (
            "GetShardIterator",
            json!({"StreamName": "", "ShardIteratorType": "", "ShardId": "", "StartingSequenceNumber": ""}),
            &[
                shard_pattern,
                shard_length,
                (
                    "",
                    "shardIteratorType",
                    "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
                ),
                ("", "startingSequenceNumber", NUMBER),
                stream_pattern,
                stream_length,
            ],
        ),
        (
            "PutRecord",
            json!({"StreamName": "", "PartitionKey": "", "Data": "", "ExplicitHashKey": "", "SequenceNumberForOrdering": ""}),
            &[
                ("", "sequenceNumberForOrdering", NUMBER),
                ("", "partitionKey", NOT_EMPTY),
                ("", "explicitHashKey", HASH_KEY),
                stream_pattern,
                stream_length,
            ],
        ),
        ("PutRecords", json!({"StreamName": "", "Records": []}), &[("[]", "records", NOT_EMPTY), stream_pattern, stream_length]),
        (
            "PutRecords",
            json!({"StreamName": "s", "Records": [{"PartitionKey": "a", "Data": ""}, null, {"PartitionKey": "", "ExplicitHashKey": "-1"}]}),
            &[
                ("null", "records.2.member.partitionKey", NOT_NULL),
                ("null", "records.2.member.data", NOT_NULL),
                ("", "records.3.member.partitionKey", NOT_EMPTY),
                ("-1", "records.3.member.explicitHashKey", HASH_KEY),
                ("null", "records.3.member.data", NOT_NULL),
            ],
        ),
        ("GetRecords", json!({"ShardIterator": "", "Limit": 0}), &[("0", "limit", AT_LEAST_1), ("", "shardIterator", NOT_EMPTY)]),
        (
            "SplitShard",
            json!({"StreamName": "", "ShardToSplit": "", "NewStartingHashKey": ""}),
            &[
                ("", "newStartingHashKey", HASH_KEY),
                stream_pattern,
                stream_length,
                ("", "shardToSplit", NAME),
                ("", "shardToSplit", NOT_EMPTY),
            ],
        ),
        (
            "AddTagsToStream",
            json!({"StreamName": "", "Tags": {}}),
            &[("{}", "tags", NOT_EMPTY), stream_pattern, stream_length],
        ),
        (
            "RemoveTagsFromStream",
            json!({"StreamName": "", "TagKeys": []}),
            &[("[]", "tagKeys", NOT_EMPTY), stream_pattern, stream_length],
        ),
        (
            "ListTagsForStream",
            json!({"StreamName": "", "Limit": 0, "ExclusiveStartTagKey": ""}),
            &[("0", "limit", AT_LEAST_1), ("", "exclusiveStartTagKey", NOT_EMPTY), stream_pattern, stream_length],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_too_long_or_too_many_is_named() {
    let long = "a".repeat(129);
    let key = "k".repeat(257);
    let iterator = "i".repeat(513);
    let tag = "t".repeat(129);
    let lengths = |most: u32, least: u32| {
        format!(
            "[Member must have length less than or equal to {most}, Member must have length greater than or equal to {least}]"
        )
    };
    let key_rule = format!("Map keys must satisfy constraint: {}", lengths(128, 1));
    let value_rule = format!("Map value must satisfy constraint: {}", lengths(256, 0));
    let member_rule = format!("Member must satisfy constraint: {}", lengths(128, 1));
    let (one_tag, long_value, one_key) = (format!("{{{tag}=}}"), format!("{{a={key}}}"), format!("[{tag}]"));
    check(&[
        ("DeleteStream", json!({"StreamName": long}), &[(&long, "streamName", LONG)]),
        (
            "MergeShards",
            json!({"StreamName": long, "ShardToMerge": long, "AdjacentShardToMerge": long}),
            &[(&long, "shardToMerge", LONG), (&long, "adjacentShardToMerge", LONG), (&long, "streamName", LONG)],
        ),
        (
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": key, "Data": "", "ExplicitHashKey": "1".repeat(40)}),
            &[
                (&key, "partitionKey", "Member must have length less than or equal to 256"),
                (&"1".repeat(40), "explicitHashKey", HASH_KEY),
            ],
        ),
        (
            "GetRecords",
            json!({"ShardIterator": iterator, "Limit": 100_000}),
            &[
                ("100000", "limit", "Member must have value less than or equal to 10000"),
                (&iterator, "shardIterator", "Member must have length less than or equal to 512"),
            ],
        ),
        ("AddTagsToStream", json!({"StreamName": "s", "Tags": {&tag: ""}}), &[(&one_tag, "tags", &key_rule)]),
        ("AddTagsToStream", json!({"StreamName": "s", "Tags": {"a": key}}), &[(&long_value, "tags", &value_rule)]),
        ("RemoveTagsFromStream", json!({"StreamName": "s", "TagKeys": [tag]}), &[(&one_key, "tagKeys", &member_rule)]),
        (
            "IncreaseStreamRetentionPeriod",
            json!({"StreamName": "s", "RetentionPeriodHours": 0}),
            &[("0", "retentionPeriodHours", "Member must have value greater than or equal to 1")],
        ),
        (
            "DescribeStream",
            json!({"StreamARN": "arn:aws:sqs:x"}),
            &[(
                "arn:aws:sqs:x",
                "streamARN",
                r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            )],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_partition_key_has_characters_and_not_bytes() {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    harness.kinesis_ok("PutRecord", json!({"StreamName": "s", "Data": "", "PartitionKey": "é".repeat(256)})).await;
}

#[tokio::test]
async fn one_message_names_ten_at_most_and_all_records() {
    let harness = Harness::new(GatewaySettings::default());
    let record = json!({"PartitionKey": "a", "Data": ""});
    let (_, text) =
        harness.kinesis_refused("PutRecords", json!({"StreamName": "s", "Records": vec![&record; 501]})).await;
    let entry = "com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@c965e310";
    assert!(text.starts_with("1 validation error detected: Value '[com.amazonaws"), "{text}");
    assert_eq!(text.matches(entry).count(), 501);
    assert!(
        text.ends_with(
            "]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"
        )
    );

    let (_, text) =
        harness.kinesis_refused("PutRecords", json!({"StreamName": "", "Records": vec![json!({}); 7]})).await;
    assert!(text.starts_with("10 validation errors detected: "), "{text}");
}

#[tokio::test]
async fn a_record_of_one_mebibyte_is_the_largest() {
    use base64::Engine;
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let data = |bytes: usize| base64::engine::general_purpose::STANDARD.encode(vec![0; bytes]);
    harness.kinesis_ok("PutRecord", json!({"StreamName": "s", "PartitionKey": "k", "Data": data((1 << 20) - 1)})).await;
    let too_large = json!({"StreamName": "s", "PartitionKey": "k", "Data": data((1 << 20) + 1)});
    let (kind, text) = harness.kinesis_refused("PutRecord", too_large).await;
    let broken = (
        "java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]",
        "data",
        "Member must have length less than or equal to 1048576",
    );
    assert_eq!((kind.as_str(), text), ("ValidationException", message(&[broken])));
}

#[tokio::test]
async fn wrong_types_are_refused_in_the_words_of_the_service() {
    const LIST: &str = "Start of list found where not expected";
    const MAP: &str = "Start of structure or map found where not expected.";
    let harness = Harness::new(GatewaySettings::default());
    let number = |what: &str| {
        format!("class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to {what}")
    };
    let boolean = |what: &str| format!("class java.lang.Boolean can not be converted to {what}");
    let string = |what: &str| format!("class java.lang.String can not be converted to {what}");
    let blob = |text: &str, why: &str| format!("'{text}' can not be converted to a Blob: {why}");
    let time = "milliseconds since epoch";
    for (operation, body, expected) in [
        ("PutRecord", json!({"PartitionKey": 23}), number("an String")),
        ("PutRecord", json!({"PartitionKey": 34.56}), number("an String")),
        ("PutRecord", json!({"PartitionKey": true}), boolean("an String")),
        ("PutRecord", json!({"PartitionKey": []}), LIST.to_owned()),
        ("PutRecord", json!({"PartitionKey": {}}), MAP.to_owned()),
        ("PutRecord", json!({"Data": 2_147_483_648_u64}), number("a Blob")),
        ("PutRecord", json!({"Data": false}), boolean("a Blob")),
        ("PutRecord", json!({"Data": [1]}), LIST.to_owned()),
        (
            "PutRecord",
            json!({"Data": "23456"}),
            blob("23456", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ),
        ("PutRecord", json!({"Data": "=+/="}), blob("=+/=", "Invalid Base64 character: '='")),
        ("PutRecord", json!({"Data": "ab-_"}), blob("ab-_", "Invalid Base64 character: '-'")),
        ("PutRecord", json!({"Data": "+/+="}), blob("+/+=", "Invalid last non-pad Base64 character dectected")),
        ("GetRecords", json!({"Limit": "23"}), string("an Integer")),
        ("GetRecords", json!({"Limit": true}), boolean("an Integer")),
        ("GetRecords", json!({"Limit": {}}), MAP.to_owned()),
        ("GetShardIterator", json!({"Timestamp": "1"}), string(time)),
        ("GetShardIterator", json!({"Timestamp": true}), boolean(time)),
        ("GetShardIterator", json!({"Timestamp": []}), LIST.to_owned()),
        (
            "DeleteStream",
            json!({"EnforceConsumerDeletion": "23"}),
            "'23' can not be converted to an Boolean".to_owned(),
        ),
        ("DeleteStream", json!({"EnforceConsumerDeletion": 23}), number("an Boolean")),
        ("PutRecords", json!({"Records": "23"}), "Expected list or null".to_owned()),
        ("PutRecords", json!({"Records": {}}), MAP.to_owned()),
        ("PutRecords", json!({"Records": [1.5]}), "Expected null".to_owned()),
        ("PutRecords", json!({"Records": [[]]}), LIST.to_owned()),
        ("PutRecords", json!({"Records": [{"Data": {}}]}), MAP.to_owned()),
        ("AddTagsToStream", json!({"Tags": 1}), "Expected map or null".to_owned()),
        ("AddTagsToStream", json!({"Tags": []}), LIST.to_owned()),
        ("AddTagsToStream", json!({"Tags": {"a": 1}}), number("an String")),
        ("ListShards", json!({"ShardFilter": "x"}), "Expected null".to_owned()),
        ("SubscribeToShard", json!({"StartingPosition": []}), LIST.to_owned()),
    ] {
        let refused = harness.kinesis_refused(operation, body.clone()).await;
        assert_eq!(refused, ("SerializationException".to_owned(), expected), "{operation} {body}");
    }
}

#[tokio::test]
async fn numbers_that_no_integer_holds_are_taken_for_the_largest() {
    let harness = Harness::new(GatewaySettings::default());
    for limit in [json!(1.9), json!(10_000.4)] {
        harness.kinesis_ok("ListStreams", json!({"Limit": limit})).await;
    }
    let huge = serde_json::from_str::<Value>(r#"{"Limit":1e300}"#).unwrap();
    let (_, text) = harness.kinesis_refused("ListStreams", huge).await;
    assert_eq!(text, message(&[("2147483647", "limit", "Member must have value less than or equal to 10000")]));
}
