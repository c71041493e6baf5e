//! PostgreSQL's wire protocol: `psql`, drivers and BI tools read the tables as those of a PostgreSQL server, in PostgreSQL's SQL.
//!
//! The protocol and the tables of `pg_catalog` come from `datafusion-postgres`. Here is what a server needs beyond them: who may ask
//! (`startup`), what may be asked (`read_only`), an end of every query and of every connection (`connection`), and errors that say what
//! to do (`error`).

mod catalog;
mod connection;
mod error;
mod late_table;
mod read_only;
mod search_path;
mod session;
mod startup;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion_postgres::DfSessionService;
use datafusion_postgres::pgwire::api::ErrorHandler;
use datafusion_postgres::pgwire::api::PgWireServerHandlers;
use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::tokio::process_socket;
use pinflow_access::Access;
use pinflow_query::{QueryEngine, QueryWatch};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use datafusion_postgres::pgwire::tokio::TlsAcceptor;

use crate::OnQuestion;
use connection::{Canceller, Connections};
use error::ReadableErrors;
use session::SessionTemplate;
use startup::Login;

/// The most connections at a time; one more is closed at once.
const MOST_CONNECTIONS: usize = 100;

/// Makes the TLS of a new connection from the certificate that counts then.
type Tls = Arc<dyn Fn() -> TlsAcceptor + Send + Sync>;

/// A PostgreSQL server on the tables of a node.
#[derive(Clone)]
pub struct Postgres {
    template: Arc<SessionTemplate>,
    access: Access,
    tls: Option<Tls>,
    on_question: OnQuestion,
    connections: Arc<Connections>,
}

impl Postgres {
    /// A server of `engine`'s tables for the callers of `access`.
    ///
    /// # Errors
    /// Where the tables of `pg_catalog` cannot be made.
    pub fn new(engine: Arc<QueryEngine>, access: Access, on_question: OnQuestion) -> Result<Self, DataFusionError> {
        let template = Arc::new(SessionTemplate::new(engine)?);
        Ok(Self { template, access, tls: None, on_question, connections: Arc::default() })
    }

    /// The same, with TLS for clients that want it; `acceptor` is asked for each connection.
    #[must_use]
    pub fn with_tls(self, acceptor: impl Fn() -> TlsAcceptor + Send + Sync + 'static) -> Self {
        Self { tls: Some(Arc::new(acceptor)), ..self }
    }

    /// Serves until `closing`. Connections end then, with the queries that they run.
    pub async fn serve(self, listener: TcpListener, closing: CancellationToken) {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let running = TaskTracker::new();
        while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // As where the process has no file left: to try again at once would be a busy loop.
                    tracing::warn!(%error, "a PostgreSQL connection could not be accepted");
                    tokio::time::sleep(connection::ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                tracing::warn!(%peer, most = MOST_CONNECTIONS, "a PostgreSQL connection too many was closed");
                continue;
            };
            let (server, closing) = (self.clone(), closing.clone());
            running.spawn(async move {
                let _permit = permit;
                let watch = QueryWatch::default();
                tokio::select! {
                    ended = server.connection(socket, watch.clone()) => {
                        if let Err(error) = ended {
                            tracing::debug!(%peer, %error, "a PostgreSQL connection broke off");
                        }
                    }
                    () = connection::overdue(&watch, server.template.engine().limits().time) => {
                        tracing::debug!(%peer, "a PostgreSQL connection was closed: nobody used it, or took its answer");
                    }
                    () = closing.cancelled() => {}
                }
            });
        }
        running.close();
        running.wait().await;
    }

    async fn connection(&self, socket: TcpStream, watch: QueryWatch) -> io::Result<()> {
        let peer = socket.peer_addr()?;
        let session = Arc::new(self.template.session(&watch));
        let hooks = read_only::hooks(Arc::clone(&self.template), watch.clone(), self.on_question.clone());
        let handlers = Handlers {
            service: Arc::new(DfSessionService::new_with_hooks(session, hooks)),
            login: Arc::new(self.login(peer, watch)),
            errors: Arc::new(ReadableErrors(Arc::clone(self.template.engine()))),
            canceller: Arc::new(Canceller(Arc::clone(&self.connections))),
        };
        process_socket(socket, self.tls.as_ref().map(|tls| for_postgres(&tls())), handlers).await
    }

    fn login(&self, peer: SocketAddr, watch: QueryWatch) -> Login {
        Login::new(self.access.clone(), peer, Arc::clone(&self.connections), watch)
    }
}

/// The same certificate, for clients that say in the handshake that they speak PostgreSQL.
fn for_postgres(acceptor: &TlsAcceptor) -> TlsAcceptor {
    let mut config = acceptor.config().as_ref().clone();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("access", &self.access).finish_non_exhaustive()
    }
}

/// What deals with the messages of one connection.
struct Handlers {
    service: Arc<DfSessionService>,
    login: Arc<Login>,
    errors: Arc<ReadableErrors>,
    canceller: Arc<Canceller>,
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.service)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.service)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.login)
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::clone(&self.errors)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.canceller)
    }
}
