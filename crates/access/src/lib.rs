//! Who may do what: callers, their credentials, and their rights on topics.
//!
//! An [`AccessList`] is read from a file. It turns credentials (an API key, a user and password, an AWS signature) into a
//! [`Caller`], and a caller knows what it may do. No credential is ever shown or logged: what holds one has no `Debug` that
//! tells it, and no error quotes it.

mod access;
mod access_file;
mod caller;
mod credential;
mod error;
mod file;
mod list;
mod pattern;
pub mod sigv4;

pub use access::Access;
pub use access_file::AccessFile;
pub use caller::{Caller, Right};
pub use credential::Credential;
pub use error::{AccessError, Problem};
pub use list::{AccessList, SigningKey};
pub use pattern::TopicPattern;
