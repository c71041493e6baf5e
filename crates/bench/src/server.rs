//! The server's side, in a process of its own. All contestants are served by the same runtime and the same HTTP server.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use pinflow_event::{Clock, Timestamp};
use pinflow_gateway::{Gateway, GatewaySettings};
use pinflow_log::{EmbeddedLog, EmbeddedOptions};
use tokio::net::TcpListener;

use crate::contestant::Kind;

/// What the gateway answers to one record.
const REPLY: &str = concat!(
    r#"{"offsets":[{"partition":0,"offset":1000000,"error_code":null,"error":null}],"#,
    r#""key_schema_id":null,"value_schema_id":null}"#
);

/// Says its address on stdout and serves until stdin ends.
///
/// # Errors
/// A log that cannot be opened, or a port that cannot be had.
pub fn serve(kind: Kind, folder: &Path) -> anyhow::Result<()> {
    let router = match kind {
        Kind::Bare => Router::new().fallback(bare),
        Kind::Gateway => {
            let clock: Arc<dyn Clock> = Arc::new(MachineClock);
            let log = EmbeddedLog::open(EmbeddedOptions::new(folder), Arc::clone(&clock))?;
            Gateway::new(Arc::new(log), GatewaySettings::default(), clock).router()
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    // A reply is small and must not wait for a full packet.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    runtime.spawn(async move { axum::serve(listener, router).await });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The least that a handler can do: read the same body, send the same reply.
async fn bare(_body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/vnd.kafka.v2+json"))], REPLY).into_response()
}

#[derive(Debug)]
struct MachineClock;

impl Clock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the gateway is measured with a clock that costs what the real one does"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
