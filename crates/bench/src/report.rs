//! What came out, as a table: medians, the range of all rounds, and the ratios that are aimed at.

use std::fmt;
use std::time::Duration;

use crate::load::Outcome;

/// The outcomes of all rounds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(crate) file_system: String,
    pub(crate) bare: Vec<Outcome>,
    pub(crate) served: Vec<Outcome>,
    pub(crate) single: Vec<Outcome>,
    pub(crate) half_load: Vec<Outcome>,
    /// Bytes a second by block size.
    pub(crate) disk: Vec<Vec<f64>>,
    pub(crate) blocks: Vec<usize>,
    pub(crate) bare_bulk: Vec<Outcome>,
    pub(crate) bulk: Vec<Outcome>,
    /// PutRecord as Kinesis clients send it, to the bare handler, the gateway and the peer.
    pub(crate) bare_native: Vec<Outcome>,
    pub(crate) native: Vec<Outcome>,
    pub(crate) peer: Vec<Outcome>,
    /// PutRecord as clients of an API Gateway send it.
    pub(crate) api_gateway: Vec<Outcome>,
    /// The gateway's largest resident memory in bytes.
    pub(crate) memory: u64,
    /// What its log held in the end.
    pub(crate) records: u64,
}

/// The median of what `figure` says of each.
pub(crate) fn median<T>(outcomes: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = outcomes.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    match figures.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => figures[odd / 2],
        even => f64::midpoint(figures[even / 2 - 1], figures[even / 2]),
    }
}

fn requests(outcome: &Outcome) -> f64 {
    outcome.requests_per_second
}

fn megabytes(outcome: &Outcome) -> f64 {
    outcome.bytes_per_second / 1e6
}

fn millis(share: f64) -> impl Fn(&Outcome) -> f64 {
    move |outcome| outcome.percentile(share).as_secs_f64() * 1e3
}

impl Report {
    /// The block size with which the disk is fastest, and its rate.
    fn disk_bound(&self) -> (usize, f64) {
        let rates = self.blocks.iter().enumerate().map(|(n, block)| (*block, median(&self.disk, |rates| rates[n])));
        rates.max_by(|(_, one), (_, other)| one.total_cmp(other)).unwrap_or_default()
    }
}

/// A row: what it is, the median and the range over the rounds.
fn row<T>(f: &mut fmt::Formatter<'_>, name: &str, unit: &str, all: &[T], figure: impl Fn(&T) -> f64) -> fmt::Result {
    let figures: Vec<f64> = all.iter().map(&figure).collect();
    let (least, most) = (figures.iter().copied().fold(f64::MAX, f64::min), figures.iter().copied().fold(0.0, f64::max));
    let digits = if most < 100.0 { 2 } else { 0 };
    let median = median(all, figure);
    writeln!(f, "| {name} | {median:.digits$} {unit} | {least:.digits$} to {most:.digits$} |")
}

fn ratio(f: &mut fmt::Formatter<'_>, name: &str, ratio: f64, target: f64) -> fmt::Result {
    writeln!(f, "| {name} | {ratio:.2} | {target} or more | {} |", if ratio >= target { "yes" } else { "no" })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} rounds; the log is on {} and holds {} records now.\n",
            self.bare.len(),
            self.file_system,
            self.records
        )?;
        writeln!(f, "| measured | median | range |\n|---|---|---|")?;
        row(f, "bare axum handler, single records", "requests/s", &self.bare, requests)?;
        row(f, "the same handler on pinflow's server", "requests/s", &self.served, requests)?;
        row(f, "gateway, single records", "requests/s", &self.single, requests)?;
        row(f, "its ack under full load, p99", "ms", &self.single, millis(0.99))?;
        row(f, "its ack at half that load, p50", "ms", &self.half_load, millis(0.5))?;
        row(f, "its ack at half that load, p99", "ms", &self.half_load, millis(0.99))?;
        for (n, block) in self.blocks.iter().enumerate() {
            let name = format!("disk, write and sync of {} KiB", block >> 10);
            row(f, &name, "MB/s", &self.disk, |rates| rates[n] / 1e6)?;
        }
        row(f, "bare axum handler, 500 records", "MB/s", &self.bare_bulk, megabytes)?;
        row(f, "gateway, 500 records", "MB/s", &self.bulk, megabytes)?;
        row(f, "gateway, 500 records", "records/s", &self.bulk, |outcome| outcome.records_per_second)?;
        row(f, "bare axum handler, PutRecord (native)", "requests/s", &self.bare_native, requests)?;
        row(f, "gateway, PutRecord (native)", "requests/s", &self.native, requests)?;
        row(f, "gateway, PutRecord (API Gateway)", "requests/s", &self.api_gateway, requests)?;
        if !self.peer.is_empty() {
            row(f, "kinesalite, PutRecord (native)", "requests/s", &self.peer, requests)?;
        }
        writeln!(f, "| gateway, most memory resident | {:.0} MB | |", self.memory as f64 / 1e6)?;
        self.targets(f)
    }
}

impl Report {
    fn targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests_of = |outcomes: &[Outcome]| median(outcomes, requests);
        writeln!(f, "\n| target | reached | wanted | met |\n|---|---|---|---|")?;
        ratio(f, "single records, of the bare handler", requests_of(&self.single) / requests_of(&self.bare), 0.7)?;
        let (block, bound) = self.disk_bound();
        let bulk = median(&self.bulk, |outcome| outcome.bytes_per_second);
        ratio(f, &format!("500 records, of the disk's bytes/s in blocks of {} KiB", block >> 10), bulk / bound, 0.5)?;
        let records = median(&self.bulk, |outcome| outcome.records_per_second);
        ratio(f, "500 records, in 300,000 records/s", records / 300_000.0, 1.0)?;
        if !self.peer.is_empty() {
            let peer = requests_of(&self.peer);
            ratio(f, "PutRecord (native), of kinesalite's", requests_of(&self.native) / peer, 10.0)?;
            ratio(f, "PutRecord (API Gateway), of kinesalite's", requests_of(&self.api_gateway) / peer, 10.0)?;
        }
        let p99 = median(&self.half_load, |outcome| outcome.percentile(0.99).as_secs_f64());
        let fast = Duration::from_secs_f64(p99) < Duration::from_millis(20);
        writeln!(
            f,
            "| p99 of the ack at half load | {:.2} ms | below 20 ms | {} |",
            p99 * 1e3,
            if fast { "yes" } else { "no" }
        )?;
        let small = self.memory < 300_000_000;
        writeln!(
            f,
            "| memory | {:.0} MB | below 300 MB | {} |",
            self.memory as f64 / 1e6,
            if small { "yes" } else { "no" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (figures, middle) in [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![1.0, 2.0], 1.5)] {
            assert!((median(&figures, |figure| *figure) - middle).abs() < f64::EPSILON, "{figures:?}");
        }
    }

    #[test]
    fn a_report_says_which_targets_are_met() {
        let outcome = |requests_per_second| vec![Outcome { requests_per_second, ..Outcome::default() }];
        let report = Report { bare: outcome(100.0), single: outcome(71.0), memory: 400_000_000, ..Report::default() };
        let text = report.to_string();
        assert!(text.contains("| single records, of the bare handler | 0.71 | 0.7 or more | yes |"), "{text}");
        assert!(text.contains("| memory | 400 MB | below 300 MB | no |"), "{text}");
    }
}
