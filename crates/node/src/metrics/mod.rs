//! The metrics of a node: one table from which `/metrics` and `docs/observability.md` both come.

mod exposition;
mod families;
mod observation;

pub(crate) use exposition::{CONTENT_TYPE, MEDIA_TYPE, text};
pub use families::reference;
pub(crate) use observation::Observation;
