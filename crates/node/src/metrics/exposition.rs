//! The text of `/metrics`: OpenMetrics 1.0, which every Prometheus reads.

use std::fmt;

use pinflow_metrics::HistogramSnapshot;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text::encode};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::families::{FAMILIES, Family, Samples};
use super::observation::Observation;

/// The media type of [`text`], without its parameters.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text";
/// The content type of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, as text.
pub(crate) fn text(observation: Observation) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(observation)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

#[derive(Debug)]
struct Scrape(Observation);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        FAMILIES.iter().try_for_each(|family| write_family(&mut encoder, family, &self.0))
    }
}

fn write_family(encoder: &mut DescriptorEncoder<'_>, family: &Family, observation: &Observation) -> fmt::Result {
    let help = format!("{}.", family.help);
    let mut metric = encoder.encode_descriptor(family.base_name(), &help, None, family.kind())?;
    match family.samples {
        Samples::Counter(samples) => {
            for (labels, value) in samples(observation) {
                let count = |m: &mut MetricEncoder<'_>| m.encode_counter::<NoLabelSet, _, f64>(&value, None);
                labelled(&mut metric, family.labels, &labels, count)?;
            }
        }
        Samples::Gauge(samples) => {
            for (labels, value) in samples(observation) {
                labelled(&mut metric, family.labels, &labels, |m| m.encode_gauge(&value))?;
            }
        }
        Samples::Durations(samples) => {
            for (labels, seen) in samples(observation) {
                labelled(&mut metric, family.labels, &labels, |m| write_histogram(m, &seen, 1e-9))?;
            }
        }
        Samples::Sizes(samples) => {
            for (labels, seen) in samples(observation) {
                labelled(&mut metric, family.labels, &labels, |m| write_histogram(m, &seen, 1.0))?;
            }
        }
    }
    Ok(())
}

fn labelled(
    metric: &mut MetricEncoder<'_>,
    names: &[&'static str],
    values: &[String],
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if names.is_empty() {
        return write(metric);
    }
    let labels: Vec<(&str, &str)> = names.iter().copied().zip(values.iter().map(String::as_str)).collect();
    write(&mut metric.encode_family(&labels)?)
}

/// `unit` is what one of the histogram's units is in the metric's.
#[allow(clippy::cast_precision_loss)] // A sum of nanoseconds is exact for a hundred days.
fn write_histogram(metric: &mut MetricEncoder<'_>, seen: &HistogramSnapshot, unit: f64) -> fmt::Result {
    let bounds = seen.bounds.iter().map(|bound| *bound as f64 * unit).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(seen.counts.iter().copied()).collect();
    metric.encode_histogram::<NoLabelSet>(seen.sum as f64 * unit, seen.count(), &buckets, None)
}

impl Family {
    fn kind(&self) -> MetricType {
        match self.samples {
            Samples::Counter(_) => MetricType::Counter,
            Samples::Gauge(_) => MetricType::Gauge,
            Samples::Durations(_) | Samples::Sizes(_) => MetricType::Histogram,
        }
    }

    /// The name without the suffix that the format adds to counters by itself.
    fn base_name(&self) -> &'static str {
        match self.samples {
            Samples::Counter(_) => self.name.strip_suffix("_total").unwrap_or(self.name),
            _ => self.name,
        }
    }
}
