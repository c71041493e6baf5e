//! Answers SQL on the tables of a node: `batch.*`, `stream.*`, `dead.*`, `result.*`, `latest.*` (Delta tables), `raw.*` (archived events)
//! and `system.*` (what the node says of itself). Reads only; opens a table when a query names it first; stays within [`QueryLimits`].
//!
//! [`QueryEngine::reconcile`] proves that the two lanes of a stream hold the same rows.

mod answer;
mod answer_stream;
mod bounded_plan;
mod case_by_value;
mod catalog;
mod delta;
mod engine;
mod error;
mod fresh;
mod hint;
mod incremental;
mod latest;
mod limits;
mod raw;
mod raw_filter;
mod read_only;
mod reconcile;
mod reconcile_buckets;
mod reconcile_difference;
mod reconcile_samples;
mod render;
mod result_table;
mod row_digest;
mod session;
mod system;
mod threads;
mod time_travel;
mod watch;
mod window_group_limit;

pub use answer::{Answer, sql_type};
pub use answer_stream::AnswerStream;
pub use engine::QueryEngine;
pub use error::QueryError;
pub use fresh::{FreshRows, Scope, Tail};
pub use incremental::Counted;
pub use limits::QueryLimits;
pub use raw::{RawEvent, RawEvents, RawSelection, RawTopics};
pub use reconcile::{Difference, Reconciliation, Sample};
pub use render::{csv_header, csv_rows, json_arrays, json_rows};
pub use result_table::{RUN_ID, RUN_TIME, result_application};
pub use system::SystemTables;
pub use watch::QueryWatch;
