//! What stages count on their hot paths: histograms that many threads fill at once, without a lock.
//!
//! A stage counts and gives plain snapshots; how they are shown is the node's business.

mod histogram;

pub use histogram::{Histogram, HistogramSnapshot};
