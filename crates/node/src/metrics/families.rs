//! The table of metrics. A row is a name, what it means, its labels, and where its values come from.

use std::fmt::Write;

use pinflow_clean::UnknownCount;
use pinflow_gateway::DialectCounts;
use pinflow_lane::{LaneStatus, SharedStatus};
use pinflow_metrics::HistogramSnapshot;
use pinflow_pipeline::Lane;

use super::observation::Observation;
use crate::lag::Lag;

/// A metric, with a value for each combination of its labels.
#[derive(Debug)]
pub(super) struct Family {
    /// As in a query.
    pub name: &'static str,
    /// What it counts, in a clause.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Where its values come from.
    pub samples: Samples,
}

/// The values of the labels, in the order of their names, and the value.
type Labelled<T> = Vec<(Vec<String>, T)>;

/// The kind of a metric, and how it is read off an observation.
#[derive(Debug)]
pub(super) enum Samples {
    Counter(fn(&Observation) -> Labelled<u64>),
    Gauge(fn(&Observation) -> Labelled<f64>),
    /// A histogram of nanoseconds, shown in seconds.
    Durations(fn(&Observation) -> Labelled<HistogramSnapshot>),
    /// A histogram of counts.
    Sizes(fn(&Observation) -> Labelled<HistogramSnapshot>),
}

use Samples::{Counter, Durations, Gauge, Sizes};

const fn family(name: &'static str, labels: &'static [&'static str], samples: Samples, help: &'static str) -> Family {
    Family { name, help, labels, samples }
}

const DIALECT: &[&str] = &["dialect"];
const LANE: &[&str] = &["lane", "stream"];
const ARCHIVE: &[&str] = &["topic"];
const PARTITION: &[&str] = &["topic", "partition"];

/// All metrics, in the order in which they are shown.
#[rustfmt::skip]
pub(super) static FAMILIES: &[Family] = &[
    family("pinflow_node_info", &["version"], Gauge(|_| vec![(vec![env!("CARGO_PKG_VERSION").to_owned()], 1.0)]),
        "The version of the node; always 1"),
    family("pinflow_node_uptime_seconds", &[], Gauge(|o| alone(o.uptime.as_secs_f64())),
        "How long the node has been running"),
    family("pinflow_ready", &["part"], Gauge(|o| o.parts.iter().map(|p| (vec![p.name.clone()], f64::from(u8::from(p.ready)))).collect()),
        "Whether a part of the node works, as `/readyz` says: 1 or 0"),

    family("pinflow_requests_in_flight", &[], Gauge(|o| alone(float(o.gateway.in_flight))),
        "Requests that are being answered now"),
    family("pinflow_requests_total", &["dialect", "method", "code"], Counter(replies),
        "Requests by dialect, method and status of the reply; 499 where the client went away before it"),
    family("pinflow_request_bytes_total", DIALECT, Counter(|o| dialects(o, |d| d.request_bytes)),
        "Bytes of request bodies, as far as they were read"),
    family("pinflow_reply_bytes_total", DIALECT, Counter(|o| dialects(o, |d| d.reply_bytes)),
        "Bytes of reply bodies"),
    family("pinflow_records_total", DIALECT, Counter(|o| dialects(o, |d| d.accepted_records)),
        "Records that the log has acknowledged"),
    family("pinflow_record_bytes_total", DIALECT, Counter(|o| dialects(o, |d| d.accepted_bytes)),
        "Bytes of keys, values and headers of acknowledged records"),
    family("pinflow_errors_total", &["dialect", "code"], Counter(errors),
        "Refusals by the dialect's own error code: one for a refused request, one for each refused record of an answered one"),
    family("pinflow_request_duration_seconds", DIALECT, Durations(|o| dialects(o, |d| d.durations.clone())),
        "Time from a request's head to the head of its reply"),
    family("pinflow_ack_duration_seconds", DIALECT, Durations(|o| dialects(o, |d| d.ack_durations.clone())),
        "Time from handing records to the log until it acknowledged them as durable, an append each"),

    family("pinflow_log_fsync_duration_seconds", &[], Durations(|o| alone(o.log.sync_durations.clone())),
        "Time that making a partition's group of appends durable took"),
    family("pinflow_log_group_commit_appends", &[], Sizes(|o| alone(o.log.group_sizes.clone())),
        "Appends that were stored together by one group commit"),
    family("pinflow_log_queue_bytes", &[], Gauge(|o| alone(float(o.log.waiting_bytes))),
        "Bytes that wait to be stored"),
    family("pinflow_log_queue_limit_bytes", &[], Gauge(|o| alone(float(o.log.waiting_bytes_limit))),
        "Bytes that may wait before clients are told to come back later"),

    family("pinflow_lane_lag_records", LANE, Gauge(|o| lane_lags(o, |lag| float(lag.records))),
        "Acknowledged records that the lane has not committed"),
    family("pinflow_lane_lag_seconds", LANE, Gauge(|o| lane_lags(o, |lag| lag.age.as_secs_f64())),
        "Age of the oldest of them that the log still has"),
    family("pinflow_lane_rows", LANE, Gauge(|o| lanes(o, |lane| float(lane.rows))),
        "Rows in the lane's clean table"),
    family("pinflow_lane_duplicates_total", LANE, Counter(|o| lanes(o, |lane| lane.duplicates)),
        "Records dropped because their key was there already, since the table was made"),
    family("pinflow_lane_filtered_total", LANE, Counter(|o| lanes(o, |lane| lane.filtered)),
        "Records that the cleaning `SELECT` left out, since the table was made"),
    family("pinflow_lane_dead_letters", LANE, Gauge(|o| lanes(o, |lane| float(lane.dead))),
        "Records that could not be cleaned and wait for `pinflow dead`"),
    family("pinflow_lane_dropped_letters_total", LANE, Counter(|o| lanes(o, |lane| lane.dropped)),
        "Dead letters that somebody gave up, since the table was made"),
    family("pinflow_lane_unknown_fields_total", &["lane", "stream", "outcome"], Counter(unknown_fields),
        "Fields of events that the stream's schema lacks, since the node started: `policy`, treated as the stream's policy says, or `not_evolved`, values left out though it is `evolve`; `system.unknown_fields` names them"),
    family("pinflow_lane_nulled_total", LANE, Counter(|o| lanes(o, |lane| lane.nulled)),
        "Values of the wrong type that were taken as null (`wrong_type: \"null\"`), since the node started"),
    family("pinflow_lane_distinct_keys", LANE, Gauge(|o| lanes(o, |lane| float(lane.distinct_keys))),
        "Keys of the lane's table, or of its window; 0 for a stream without a key"),
    family("pinflow_lane_input_records_total", LANE, Counter(|o| lane_lags(o, |lag| lag.accepted)),
        "Records that the lane's topic ever took; its rate is the input rate"),

    family("pinflow_lane_records_total", LANE, Counter(|o| lanes(o, |lane| lane.records)),
        "Records that the lane took in since the node started"),
    family("pinflow_lane_batches_total", LANE, Counter(|o| lanes(o, |lane| lane.batches)),
        "Batches that the lane committed since the node started"),
    family("pinflow_lane_batch_duration_seconds", LANE, Durations(|o| histograms(o, Lane::ALL.as_slice(), SharedStatus::durations)),
        "Time from a batch's first record in hand to its commit; the rate of records over that of its sum is the processing rate"),
    family("pinflow_lane_freshness_seconds", LANE, Durations(|o| histograms(o, &[Lane::Stream], SharedStatus::freshness)),
        "Time that a record waited from its arrival until it was committed, each record counted"),

    family("pinflow_archive_lag_records", ARCHIVE, Gauge(|o| archive_lags(o, |lag| float(lag.records))),
        "Acknowledged records that are in no object of the archive"),
    family("pinflow_archive_lag_seconds", ARCHIVE, Gauge(|o| archive_lags(o, |lag| lag.age.as_secs_f64())),
        "Age of the oldest of them"),
    family("pinflow_archive_objects_total", PARTITION, Counter(|o| partitions(o, |part| part.objects)),
        "Objects in the archive"),
    family("pinflow_archive_bytes_total", PARTITION, Counter(|o| partitions(o, |part| part.bytes)),
        "Bytes of the objects in the archive"),
    family("pinflow_archive_failures", PARTITION, Gauge(|o| partitions(o, |part| f64::from(part.failures))),
        "Failures in a row; 0 while all is well"),

    family("pinflow_queries_total", &[], Counter(|o| alone(o.queries)),
        "Questions answered, by jobs and by people"),
];

fn alone<T>(value: T) -> Labelled<T> {
    vec![(Vec::new(), value)]
}

#[allow(clippy::cast_precision_loss)] // Exact up to 2^53.
fn float(count: u64) -> f64 {
    count as f64
}

fn replies(o: &Observation) -> Labelled<u64> {
    let of = |(dialect, counts): (&&str, &DialectCounts)| {
        let dialect = (*dialect).to_owned();
        let labels = move |method: &str, code: u16| vec![dialect.clone(), method.to_owned(), code.to_string()];
        counts.replies.iter().map(|((method, code), count)| (labels(method, *code), *count)).collect::<Vec<_>>()
    };
    o.gateway.dialects.iter().flat_map(of).collect()
}

fn errors(o: &Observation) -> Labelled<u64> {
    let dialects = o.gateway.dialects.iter();
    let all =
        dialects.flat_map(|(dialect, counts)| counts.refused.iter().map(move |(code, count)| (dialect, code, count)));
    all.map(|(dialect, code, count)| (vec![(*dialect).to_owned(), code.clone()], *count)).collect()
}

fn dialects<T>(o: &Observation, value: impl Fn(&DialectCounts) -> T) -> Labelled<T> {
    o.gateway.dialects.iter().map(|(dialect, counts)| (vec![(*dialect).to_owned()], value(counts))).collect()
}

fn lanes<T>(o: &Observation, value: impl Fn(&LaneStatus) -> T) -> Labelled<T> {
    o.lanes.iter().map(|((lane, stream), status)| (vec![lane.to_string(), stream.clone()], value(status))).collect()
}

fn unknown_fields(o: &Observation) -> Labelled<u64> {
    let of = |((lane, stream), status): (&(Lane, String), &LaneStatus)| {
        let UnknownCount { met, not_evolved } = status.unknown.total();
        let outcomes = [("policy", met.saturating_sub(not_evolved)), ("not_evolved", not_evolved)];
        outcomes.map(|(outcome, count)| (vec![lane.to_string(), stream.clone(), outcome.to_owned()], count))
    };
    o.lanes.iter().flat_map(of).collect()
}

fn histograms(
    o: &Observation,
    of: &[Lane],
    value: impl Fn(&SharedStatus) -> HistogramSnapshot,
) -> Labelled<HistogramSnapshot> {
    let statuses = o.statuses.iter().filter(|((lane, _), _)| of.contains(lane));
    statuses.map(|((lane, stream), status)| (vec![lane.to_string(), stream.clone()], value(status))).collect()
}

fn lane_lags<T>(o: &Observation, value: impl Fn(&Lag) -> T) -> Labelled<T> {
    o.lane_lags.iter().map(|((lane, stream), lag)| (vec![lane.to_string(), stream.clone()], value(lag))).collect()
}

fn archive_lags(o: &Observation, value: impl Fn(&Lag) -> f64) -> Labelled<f64> {
    o.archive_lags.iter().map(|(topic, lag)| (vec![topic.to_string()], value(lag))).collect()
}

fn partitions<T>(o: &Observation, value: impl Fn(&pinflow_archive::PartitionStatus) -> T) -> Labelled<T> {
    o.archive.iter().map(|part| (vec![part.topic.to_string(), part.partition.to_string()], value(part))).collect()
}

/// The table for people, in Markdown.
pub fn reference() -> String {
    let mut page = String::from("| metric | type | labels | what it is |\n|---|---|---|---|\n");
    for family in FAMILIES {
        let kind = match family.samples {
            Counter(_) => "counter",
            Gauge(_) => "gauge",
            Durations(_) | Sizes(_) => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = writeln!(page, "| `{}` | {kind} | {} | {} |", family.name, labels.join(", "), family.help);
        row.expect("writing to a string does not fail");
    }
    page
}
