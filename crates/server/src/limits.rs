//! What a connection may take.

use std::time::Duration;

/// Limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more is answered with 503, or closed, at once.
    pub connections: usize,
    /// Bytes of a request's head: its first line and its headers. A larger one is answered with 431.
    pub header_bytes: usize,
    /// How long a head may take from its first byte, and a new connection until its first request (TLS included).
    pub header_time: Duration,
    /// How long a connection may stay open without a request.
    pub idle_time: Duration,
    /// How long a body may pause before its reply begins, and how long a client may not take what is sent to it.
    pub stall_time: Duration,
    /// How long a body may take in all before its reply begins.
    pub body_time: Duration,
    /// How long a shutdown waits for requests that are being answered.
    pub drain_time: Duration,
}

impl Limits {
    /// The buffer of a connection, in bytes: what is read at once, and what waits to be written.
    pub const BUFFER_BYTES: usize = 64 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Many systems give a process 1,024 files: half of them are left for the log and the tables.
            connections: 512,
            header_bytes: 8 << 10,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            stall_time: Duration::from_secs(30),
            body_time: Duration::from_secs(600),
            drain_time: Duration::from_secs(10),
        }
    }
}
