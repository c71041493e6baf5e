//! Who asks: the callers of the access list, by name and password.
//!
//! The list keeps passwords as SHA-256 at most, from which none of PostgreSQL's hashed methods can be computed. So the password itself is
//! asked for, and only where nobody can read it on its way: over TLS, or on the machine itself.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{
    ClientInfo, METADATA_USER, PgWireConnectionState, PidSecretKeyGenerator, RandomPidSecretKeyGenerator,
};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Authentication;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::{Sink, SinkExt};
use pinflow_access::Access;
use pinflow_query::{QueryEngine, QueryWatch};

use super::connection::{Connections, Ticket};
use super::search_path::SEARCH_PATH;

/// The version that clients are told: they look at it to know what `pg_catalog` has.
pub(super) const SERVER_VERSION: &str = concat!("16.6 (pinflow ", env!("CARGO_PKG_VERSION"), ")");

/// Lets a client in, or not.
pub(super) struct Login {
    access: Access,
    peer: SocketAddr,
    connections: Arc<Connections>,
    watch: QueryWatch,
    ticket: Mutex<Option<Ticket>>,
}

impl Login {
    pub fn new(access: Access, peer: SocketAddr, connections: Arc<Connections>, watch: QueryWatch) -> Self {
        Self { access, peer, connections, watch, ticket: Mutex::default() }
    }

    /// Whether a password may be asked for on this connection.
    fn is_private(&self, client: &impl ClientInfo) -> bool {
        client.is_secure() || self.peer.ip().to_canonical().is_loopback()
    }

    fn check(&self, user: &str, password: &str) -> PgWireResult<()> {
        let Some(list) = self.access.list() else { return Ok(()) };
        let caller = list
            .caller_of_basic(user, password)
            .ok_or_else(|| fatal("28P01", format!("password authentication failed for user \"{user}\""), None))?;
        if caller.may_use_dashboard() {
            return Ok(());
        }
        let hint = "its entry in the access list lacks `dashboard: true`, which lets it read all tables";
        Err(fatal("42501", format!("the caller \"{user}\" may not ask"), Some(hint)))
    }

    async fn let_in<C>(&self, client: &mut C) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let (number, secret) = numbers().generate(client);
        client.set_pid_and_secret_key(number, secret.clone());
        let ticket = self.connections.enter(number, secret, self.watch.clone());
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = SERVER_VERSION.to_owned();
        parameters.search_path = QueryEngine::DEFAULT_SCHEMA.to_owned();
        client.metadata_mut().insert(SEARCH_PATH.to_owned(), QueryEngine::DEFAULT_SCHEMA.to_owned());
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        finish_authentication(client, &parameters).await
    }
}

/// The numbers of all connections of the process.
fn numbers() -> &'static RandomPidSecretKeyGenerator {
    static NUMBERS: std::sync::LazyLock<RandomPidSecretKeyGenerator> = std::sync::LazyLock::new(Default::default);
    &NUMBERS
}

#[async_trait]
impl StartupHandler for Login {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if self.access.list().is_none() {
                    return self.let_in(client).await;
                }
                if !self.is_private(client) {
                    let hint =
                        "connect with `sslmode=require`; the node needs `tls.certificate` and `tls.key` for that";
                    return Err(fatal("28000", "a password is taken over TLS only".to_owned(), Some(hint)));
                }
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let password = message.into_password()?;
                let user = client.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                self.check(&user, &password.password)?;
                self.let_in(client).await
            }
            _ => Ok(()),
        }
    }
}

fn fatal(code: &str, message: String, hint: Option<&str>) -> PgWireError {
    let mut info = ErrorInfo::new("FATAL".to_owned(), code.to_owned(), message);
    info.hint = hint.map(str::to_owned);
    PgWireError::UserError(Box::new(info))
}
