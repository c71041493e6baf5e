//! Where objects and tables are kept: a local folder that behaves like an object store, and is as durable as one.

mod durable;
mod error;
mod multipart;
mod unattended;

pub use durable::DurableLocalStore;
pub use error::StoreError;
