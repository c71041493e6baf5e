//! The HTTP server: listeners, TLS, and the limits that a connection has to keep. It knows no routes.
//!
//! It speaks HTTP/1.1 and HTTP/2, the latter by ALPN or by prior knowledge. Nothing that a client does or leaves undone holds
//! a connection for ever: heads, bodies, replies and pauses between requests have each their time ([`Limits`]), and a shutdown
//! does not wait longer than it says.

mod activity;
mod connection;
mod limits;
mod listener;
mod reply_body;
mod request_body;
mod serve;
mod socket;
mod tls;

pub use limits::Limits;
pub use listener::Listener;
pub use reply_body::ReplyBody;
pub use request_body::RequestBody;
pub use serve::serve;
pub use tls::{Tls, TlsError, TlsFiles};
