//! The server as a client with a bare socket sees it.
#![allow(clippy::unwrap_used)]

mod harness;
mod http;
mod limits;
mod shutdown;
mod tls;
