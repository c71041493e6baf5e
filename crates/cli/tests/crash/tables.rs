//! What the log feeds holds the log's events, each once: the archive, the tables of both lanes, the sequence numbers of Kinesis.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::EventId;
use crate::program::{PATIENCE, Program};
use crate::rounds::Rounds;
use crate::topics::{KAFKA, KINESIS};

/// Compares all of it with the log. No node runs: one would not answer with so many rows.
pub fn check(rounds: &Rounds) {
    let job = Program::command(&rounds.folder, "", &["run", "daily", "--quiet"]).output().unwrap();
    assert!(job.status.success(), "{job:?}");
    check_archive(&rounds.folder, rounds.topics.events(KAFKA));
    check_table(&rounds.folder, "batch", rounds.topics.events(KAFKA));
    check_table(&rounds.folder, "stream", rounds.topics.events(KINESIS));
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

/// The most rows that are asked for at once: `pinflow query` shows no more than 100,000.
const PAGE: usize = 50_000;

/// The table of a lane has a row an event: a duplicate would be a second row, since the stream has no key.
fn check_table(folder: &Path, lane: &str, partitions: &[Vec<EventId>]) {
    let mut events: Vec<EventId> = partitions.concat();
    let count = query(folder, lane, "SELECT count(*) FROM event");
    assert_eq!(count, [events.len().to_string()], "the rows of the {lane} lane's table, and the log's events");
    let mut rows: Vec<String> = Vec::with_capacity(events.len());
    loop {
        let after = rows.last().map_or("", String::as_str);
        let sql = format!("SELECT id FROM event WHERE id > '{after}' ORDER BY id LIMIT {PAGE}");
        let page = query(folder, lane, &sql);
        let is_last = page.len() < PAGE;
        rows.extend(page);
        if is_last {
            break;
        }
    }
    let mut rows: Vec<EventId> = rows.iter().map(|row| EventId::of_text(row).unwrap()).collect();
    rows.sort();
    events.sort();
    assert!(rows == events, "the table of the {lane} lane has {} rows, the log {} events", rows.len(), events.len());
}

/// The rows of an answer with one column.
fn query(folder: &Path, lane: &str, sql: &str) -> Vec<String> {
    let answer = Program::command(folder, "", &["query", sql, "--lane", lane, "--format", "csv"]).output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8(answer.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
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
