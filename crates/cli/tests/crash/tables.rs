//! What the log feeds holds the log's events, each once: the archive, the tables of both lanes, the sequence numbers of Kinesis.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::EventId;
use crate::lanes::Outcome;
use crate::program::{PATIENCE, Program};
use crate::rounds::{Rounds, STREAM};
use crate::topics::{KAFKA, KINESIS};

/// Whether there may be dead letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LettersMay {
    Stay,
    /// All were retried.
    NotStay,
}

/// Compares all of it with the log. No node runs. Returns the duplicates of each lane.
pub fn check(rounds: &Rounds, letters: LettersMay) -> [(&'static str, u64); 2] {
    let job = Program::command(&rounds.folder, "", &["run", "daily", "--quiet"]).output().unwrap();
    assert!(job.status.success(), "{job:?}");
    check_archive(&rounds.folder, rounds.topics.events(KAFKA));
    [("batch", KAFKA), ("stream", KINESIS)].map(|(lane, topic)| {
        let outcome = Outcome::read(&rounds.folder, lane);
        assert!(
            letters == LettersMay::Stay || outcome.dead.is_empty(),
            "letters of the {lane} lane: {:?}",
            outcome.dead
        );
        let judged = outcome.judge(rounds.topics.events(topic));
        (lane, judged.unwrap_or_else(|wrong| panic!("the tables of the {lane} lane are wrong: {wrong}")))
    })
}

/// The node's own balance counts the same duplicates, and comes out even.
pub async fn check_balance(url: &str, duplicates: [(&str, u64); 2]) {
    let balance: Vec<Value> = reqwest::get(format!("{url}/api/balance")).await.unwrap().json().await.unwrap();
    for (lane, duplicates) in duplicates {
        let row = balance.iter().find(|row| row["lane"] == lane).unwrap();
        assert!(row["balances"] == true && row["duplicates"] == duplicates, "{duplicates} duplicates: {row}");
    }
}

/// Has all dead letters cleaned again.
pub async fn retry_letters(url: &str) {
    let retry = reqwest::Client::new().post(format!("{url}/api/dead/{STREAM}/retry")).json(&serde_json::json!({}));
    let outcome: Value = retry.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    assert_eq!(outcome["dead"], 0, "{outcome}");
}

/// Waits until everything is archived, and cleaned on the stream lane.
pub async fn settle(url: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let balance: Vec<Value> = reqwest::get(format!("{url}/api/balance")).await.unwrap().json().await.unwrap();
        let settled = |row: &Value| match row["lane"].as_str() {
            Some("stream") => row["in_flight"] == 0,
            _ => row["archived"] == row["accepted"],
        };
        if balance.len() == 2 && balance.iter().all(settled) {
            return;
        }
        assert!(Instant::now() < deadline, "the lanes do not get on: {balance:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The objects of each partition hold its events in their order.
fn check_archive(folder: &Path, partitions: &[Vec<EventId>]) {
    for (partition, events) in partitions.iter().enumerate() {
        let objects = folder.join(format!("data/archive/topics/{KAFKA}/partition={partition}"));
        let mut names: Vec<_> = std::fs::read_dir(objects).unwrap().map(|entry| entry.unwrap().path()).collect();
        // What a crash left under a temporary name is no object.
        names.retain(|name| name.extension().is_some_and(|extension| extension == "json"));
        names.sort();
        let lines: String = names.iter().map(|name| std::fs::read_to_string(name).unwrap()).collect();
        let archived: Vec<EventId> = lines.lines().map(|line| EventId::of_json(line).unwrap()).collect();
        assert!(archived == *events, "partition {partition}: {} archived, {} in the log", archived.len(), events.len());
    }
}

/// A reader finds each record under the sequence number that its writer was given, and the numbers ascend.
pub async fn check_sequence_numbers(url: &str, rounds: &Rounds) {
    let client = reqwest::Client::new();
    for (shard, given) in rounds.topics.sequence_numbers(KINESIS).into_iter().enumerate() {
        let path = format!("{url}/streams/{KINESIS}/sharditerator?shard-id=shardId-{shard:012}");
        let reply: Value = client.get(path).send().await.unwrap().json().await.unwrap();
        let mut iterator = reply["ShardIterator"].as_str().unwrap().to_owned();
        let mut found: Vec<String> = Vec::new();
        while found.len() < rounds.topics.events(KINESIS)[shard].len() {
            let request = client.get(format!("{url}/streams/{KINESIS}/records")).header("Shard-Iterator", iterator);
            let reply: Value = request.send().await.unwrap().json().await.unwrap();
            let records = reply["Records"].as_array().unwrap();
            assert!(!records.is_empty(), "shard {shard} ends at {} records", found.len());
            found.extend(records.iter().map(|record| record["SequenceNumber"].as_str().unwrap().to_owned()));
            iterator = reply["NextShardIterator"].as_str().unwrap().to_owned();
        }
        assert!(found.is_sorted_by(|a, b| a.len() == b.len() && a < b), "the numbers of shard {shard} do not ascend");
        assert!(given.iter().all(|(offset, number)| found[*offset] == *number), "shard {shard} has other numbers");
    }
}
