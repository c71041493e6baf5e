//! Shards that are split, merged and counted anew: nothing is lost, and the records of a key keep their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pinflow_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::harness::Harness;

const LAST_HASH_KEY: &str = "340282366920938463463374607431768211455";

impl Harness {
    async fn place(&self, key: &str, hash_key: &str, data: &str) -> String {
        let record =
            json!({"StreamName": "s", "PartitionKey": key, "ExplicitHashKey": hash_key, "Data": BASE64.encode(data)});
        self.kinesis_ok("PutRecord", record).await["ShardId"].as_str().unwrap().to_owned()
    }

    async fn shards(&self) -> Vec<Value> {
        self.kinesis_ok("ListShards", json!({"StreamName": "s"})).await["Shards"].as_array().unwrap().clone()
    }

    async fn filtered(&self, filter: Value) -> Vec<String> {
        let list = self.kinesis_ok("ListShards", json!({"StreamName": "s", "ShardFilter": filter})).await;
        list["Shards"].as_array().unwrap().iter().map(|shard| short(&shard["ShardId"])).collect()
    }

    async fn iterator_of(&self, shard: &str, kind: &str) -> String {
        let request = json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": kind});
        self.kinesis_ok("GetShardIterator", request).await["ShardIterator"].as_str().unwrap().to_owned()
    }

    /// Reads a shard from its beginning: its data, and the shards that follow it once it is closed.
    async fn drain(&self, shard: &str) -> (Vec<String>, Option<Vec<Value>>) {
        let mut iterator = self.iterator_of(shard, "TRIM_HORIZON").await;
        let mut read = Vec::new();
        loop {
            let page = self.kinesis_ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 2})).await;
            let records = page["Records"].as_array().unwrap();
            read.extend(
                records.iter().map(|r| String::from_utf8(BASE64.decode(r["Data"].as_str().unwrap()).unwrap()).unwrap()),
            );
            match page["NextShardIterator"].as_str() {
                None => return (read, Some(page["ChildShards"].as_array().unwrap().clone())),
                Some(_) if records.is_empty() => {
                    assert!(page.get("ChildShards").is_none(), "an open shard has no children");
                    return (read, None);
                }
                Some(next) => iterator = next.to_owned(),
            }
        }
    }

    /// All records in an order in which a consumer reads them: a shard after its parents.
    async fn read_all(&self) -> Vec<String> {
        let mut read = Vec::new();
        for shard in self.shards().await {
            let (records, children) = self.drain(shard["ShardId"].as_str().unwrap()).await;
            read.extend(records);
            let closed = shard["SequenceNumberRange"].get("EndingSequenceNumber").is_some();
            assert_eq!(children.is_some(), closed, "{shard}");
            for child in children.iter().flatten() {
                assert!(child["ParentShards"].as_array().unwrap().contains(&shard["ShardId"]), "{child}");
                assert!(child["ShardId"].as_str() > shard["ShardId"].as_str());
            }
            assert!(children.is_none_or(|children| !children.is_empty()), "KCL wants a child of every closed shard");
        }
        read
    }
}

fn short(id: &Value) -> String {
    id.as_str().unwrap().trim_start_matches("shardId-").trim_start_matches('0').to_owned()
}

async fn stream(shards: u32) -> Harness {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": shards})).await;
    harness
}

#[tokio::test]
async fn a_split_shard_keeps_its_records_and_its_children_take_the_next() {
    let harness = stream(1).await;
    assert_eq!(harness.place("a", "1", "one").await, "shardId-000000000000");
    let waiting = harness.iterator_of("shardId-000000000000", "LATEST").await;
    harness.clock.advance(Duration::from_secs(10));
    let split = json!({"StreamName": "s", "ShardToSplit": "shard-0", "NewStartingHashKey": "2"});
    assert_eq!(harness.kinesis_ok("SplitShard", split.clone()).await, Value::Null);
    assert_eq!(harness.place("a", "1", "two").await, "shardId-000000000001");
    assert_eq!(harness.place("b", "2", "three").await, "shardId-000000000002");

    let shards = harness.shards().await;
    assert_eq!(shards.len(), 3);
    let range = |shard: &Value| {
        (shard["HashKeyRange"]["StartingHashKey"].clone(), shard["HashKeyRange"]["EndingHashKey"].clone())
    };
    assert_eq!(range(&shards[1]), (json!("0"), json!("1")));
    assert_eq!(range(&shards[2]), (json!("2"), json!(LAST_HASH_KEY)));
    assert_eq!(shards[1]["ParentShardId"], "shardId-000000000000");
    assert!(shards[1].get("AdjacentParentShardId").is_none());
    let ending = shards[0]["SequenceNumberRange"]["EndingSequenceNumber"].as_str().unwrap().to_owned();
    for child in &shards[1..] {
        assert!(ending.as_str() < child["SequenceNumberRange"]["StartingSequenceNumber"].as_str().unwrap());
        assert!(child["SequenceNumberRange"].get("EndingSequenceNumber").is_none());
    }
    assert_eq!(harness.read_all().await, ["one", "two", "three"]);

    // A reader that waited at the end learns at once where it goes on.
    let end = harness.kinesis_ok("GetRecords", json!({"ShardIterator": waiting})).await;
    assert!(end.get("NextShardIterator").is_none());
    assert_eq!(end["ChildShards"].as_array().unwrap().len(), 2);
    assert_eq!(end["ChildShards"][1]["ParentShards"], json!(["shardId-000000000000"]));
    let (kind, text) = harness.kinesis_refused("SplitShard", split).await;
    assert_eq!(kind, "InvalidArgumentException");
    assert_eq!(
        text,
        "Shard shardId-000000000000 in stream s under account 000000000000 has already been merged or split, and thus is not \
         eligible for merging or splitting."
    );
    let summary = harness.kinesis_ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(summary["StreamDescriptionSummary"]["OpenShardCount"], 2);
}

#[tokio::test]
async fn merged_shards_have_one_child() {
    let harness = stream(3).await;
    harness.place("a", "0", "one").await;
    harness.place("b", "113427455640312821154458202477256070485", "two").await;
    harness
        .kinesis_ok(
            "MergeShards",
            json!({"StreamName": "s", "ShardToMerge": "shard-0", "AdjacentShardToMerge": "shard-1"}),
        )
        .await;
    assert_eq!(harness.place("a", "0", "three").await, "shardId-000000000003");
    assert_eq!(harness.place("b", "113427455640312821154458202477256070485", "four").await, "shardId-000000000003");
    assert_eq!(harness.place("c", LAST_HASH_KEY, "five").await, "shardId-000000000002");
    let shards = harness.shards().await;
    assert_eq!(shards[3]["ParentShardId"], "shardId-000000000000");
    assert_eq!(shards[3]["AdjacentParentShardId"], "shardId-000000000001");
    assert_eq!(harness.read_all().await, ["one", "two", "five", "three", "four"]);
}

#[tokio::test]
async fn what_cannot_be_split_or_merged_is_refused() {
    let harness = stream(3).await;
    let split = |shard: &str, key: &str| json!({"StreamName": "s", "ShardToSplit": shard, "NewStartingHashKey": key});
    let merge = |one: &str, other: &str| json!({"StreamName": "s", "ShardToMerge": one, "AdjacentShardToMerge": other});
    let outside = |key: &str, first: &str, last: &str, shard: u32| {
        format!(
            "NewStartingHashKey {key} used in SplitShard() on shard shardId-{shard:012} in stream s under account 000000000000 is not \
             both greater than one plus the shard's StartingHashKey {first} and less than the shard's EndingHashKey {last}."
        )
    };
    let not_adjacent = |one: u32, other: u32| {
        format!(
            "Shards shardId-{one:012} and shardId-{other:012} in stream s under account 000000000000 are not an adjacent pair of shards \
             eligible for merging"
        )
    };
    let unknown = |shard: &str| format!("Could not find shard {shard} in stream s under account 000000000000.");
    const FIRST_END: &str = "113427455640312821154458202477256070484";
    for (operation, body, kind, text) in [
        ("SplitShard", split("shard-0", "1"), "InvalidArgument", outside("1", "0", FIRST_END, 0)),
        ("SplitShard", split("shard-0", FIRST_END), "InvalidArgument", outside(FIRST_END, "0", FIRST_END, 0)),
        (
            "SplitShard",
            split("shard-2", "999999999999999999999999999999999999999"),
            "InvalidArgument",
            outside(
                "999999999999999999999999999999999999999",
                "226854911280625642308916404954512140970",
                LAST_HASH_KEY,
                2,
            ),
        ),
        ("SplitShard", split("shardId-5", "0"), "ResourceNotFound", unknown("shardId-000000000005")),
        ("SplitShard", split("ABKLFD8", "0"), "ResourceNotFound", unknown("ABKLFD8")),
        ("MergeShards", merge("shard-0", "shard-2"), "InvalidArgument", not_adjacent(0, 2)),
        ("MergeShards", merge("shard-1", "shard-0"), "InvalidArgument", not_adjacent(1, 0)),
        ("MergeShards", merge("shard-0", "shardId-5"), "ResourceNotFound", unknown("shardId-000000000005")),
        ("MergeShards", merge("2147483648", "shard-0"), "ResourceNotFound", unknown("2147483648")),
    ] {
        let refused = harness.kinesis_refused(operation, body.clone()).await;
        assert_eq!(refused, (format!("{kind}Exception"), text), "{operation} {body}");
    }
    assert_eq!(harness.shards().await.len(), 3);
}

#[tokio::test]
async fn the_shard_count_is_updated_within_half_and_double() {
    let harness = stream(2).await;
    let update = |target: u32| json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    for key in 0..20 {
        harness
            .place(
                &key.to_string(),
                &(key * 17_000_000_000_000_000_000_000_000_000_000_000_000_u128).to_string(),
                &format!("{key}:1"),
            )
            .await;
    }
    for (target, kind) in [(5, "up over double"), (0, "")] {
        let (_, text) = harness.kinesis_refused("UpdateShardCount", update(target)).await;
        assert!(text.contains(kind), "{text}");
    }
    for (number, (before, target)) in [(2, 4), (4, 3), (3, 2), (2, 2), (2, 1), (1, 2)].into_iter().enumerate() {
        let reply = harness.kinesis_ok("UpdateShardCount", update(target)).await;
        assert_eq!((&reply["CurrentShardCount"], &reply["TargetShardCount"]), (&json!(before), &json!(target)));
        assert_eq!(harness.filtered(json!({"Type": "AT_LATEST"})).await.len(), target as usize);
        for key in 0..20 {
            let hash_key = key * 17_000_000_000_000_000_000_000_000_000_000_000_000_u128;
            harness.place(&key.to_string(), &hash_key.to_string(), &format!("{key}:{}", number + 2)).await;
        }
    }
    // In the order in which a consumer reads, each key's records are in the order in which they were written.
    let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for record in harness.read_all().await {
        let (key, number) = record.split_once(':').unwrap();
        by_key.entry(key.to_owned()).or_default().push(number.parse().unwrap());
    }
    assert_eq!(by_key.len(), 20);
    for (key, numbers) in by_key {
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7], "{key}");
    }
}

#[tokio::test]
async fn shards_are_listed_by_the_time_that_they_were_open() {
    let harness = stream(1).await;
    harness.clock.advance(Duration::from_secs(3_600));
    harness
        .kinesis_ok("SplitShard", json!({"StreamName": "s", "ShardToSplit": "shard-0", "NewStartingHashKey": "1000"}))
        .await;
    harness.clock.advance(Duration::from_secs(3_600));
    harness
        .kinesis_ok(
            "MergeShards",
            json!({"StreamName": "s", "ShardToMerge": "shard-1", "AdjacentShardToMerge": "shard-2"}),
        )
        .await;
    let at = |kind: &str, seconds: f64| json!({"Type": kind, "Timestamp": 1_700_000_000.123 + seconds});
    for (filter, expected) in [
        (json!({"Type": "AT_LATEST"}), vec!["3"]),
        (json!({"Type": "AT_TRIM_HORIZON"}), vec![""]),
        (json!({"Type": "FROM_TRIM_HORIZON"}), vec!["", "1", "2", "3"]),
        (json!({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}), vec!["2", "3"]),
        (at("AT_TIMESTAMP", -10.0), vec![""]),
        (at("AT_TIMESTAMP", 3_599.0), vec![""]),
        (at("AT_TIMESTAMP", 3_600.0), vec!["1", "2"]),
        (at("AT_TIMESTAMP", 7_200.0), vec!["3"]),
        (at("FROM_TIMESTAMP", 3_600.0), vec!["1", "2", "3"]),
    ] {
        assert_eq!(harness.filtered(filter.clone()).await, expected, "{filter}");
    }
    // A day later the first shard is beyond the horizon.
    harness.clock.advance(Duration::from_secs(23 * 3_600));
    assert_eq!(harness.filtered(json!({"Type": "AT_TRIM_HORIZON"})).await, ["1", "2"]);
    assert_eq!(harness.filtered(json!({"Type": "FROM_TRIM_HORIZON"})).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_token_for_the_next_page_is_good_for_five_minutes() {
    let harness = stream(5).await;
    let request = json!({"StreamName": "s", "MaxResults": 2, "ShardFilter": {"Type": "AT_LATEST"}});
    let mut page = harness.kinesis_ok("ListShards", request).await;
    let first_token = page["NextToken"].clone();
    let mut listed = Vec::new();
    loop {
        listed.extend(page["Shards"].as_array().unwrap().iter().map(|shard| short(&shard["ShardId"])));
        let Some(token) = page.get("NextToken") else { break };
        page = harness.kinesis_ok("ListShards", json!({"NextToken": token, "MaxResults": 2})).await;
    }
    assert_eq!(listed, ["", "1", "2", "3", "4"]);
    harness.clock.advance(Duration::from_secs(301));
    let (kind, _) = harness.kinesis_refused("ListShards", json!({"NextToken": first_token})).await;
    assert_eq!(kind, "ExpiredNextTokenException");
}

#[tokio::test]
async fn writers_do_not_notice_that_shards_come_and_go() {
    let harness = Arc::new(stream(1).await);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let harness = Arc::clone(&harness);
            tokio::spawn(async move {
                for number in 0..50 {
                    let record = json!({"PartitionKey": writer.to_string(), "Data": BASE64.encode(format!("{writer}:{number}"))});
                    let reply = harness.kinesis_ok("PutRecords", json!({"StreamName": "s", "Records": [record]})).await;
                    assert_eq!(reply["FailedRecordCount"], 0);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for target in [2, 4, 3, 6, 3, 2, 1, 2] {
        let update = json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
        harness.kinesis_ok("UpdateShardCount", update).await;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut by_writer: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for record in harness.read_all().await {
        let (writer, number) = record.split_once(':').unwrap();
        by_writer.entry(writer.to_owned()).or_default().push(number.parse().unwrap());
    }
    assert_eq!(by_writer.into_values().collect::<Vec<_>>(), vec![(0..50).collect::<Vec<u32>>(); 4]);
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let harness = Arc::new(stream(1).await);
    let changes: Vec<_> = (0..20)
        .map(|number| {
            let harness = Arc::clone(&harness);
            tokio::spawn(async move {
                let tags = json!({"StreamName": "s", "Tags": {format!("tag-{number:02}"): "x"}});
                harness.kinesis_ok("AddTagsToStream", tags).await
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let tags = harness.kinesis_ok("ListTagsForStream", json!({"StreamName": "s"})).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 20);
}
