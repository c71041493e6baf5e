//! Operations and their schemas as values, and the OpenAPI 3.1 document that is made of them. It knows no routes.
//!
//! Whoever has routes lists an [`Operation`] for each beside them, in an [`Api`]. That list and router cannot drift apart is seen to by
//! tests: every exchange of a test is held to the document with [`Document::check`], and every path is asked with every method.

mod conformance;
mod document;
mod operation;
pub mod schema;

pub use conformance::Exchange;
pub use document::{Api, Document};
pub use operation::{Operation, Parameter};
pub use schema::Schema;
