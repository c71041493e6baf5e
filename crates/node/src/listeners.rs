//! The ports that the node listens on.

use std::io;
use std::net::SocketAddr;

use pinflow_server::Listener;
use url::Url;

use crate::config::{ListenAddress, NodeConfig};
use crate::credentials::Credentials;
use crate::error::NodeError;

/// How many ports are tried where the wished one is taken.
const PORTS_TRIED: u16 = 100;

/// The listeners of a node that are bound, the main one first.
#[derive(Debug)]
pub(crate) struct Listeners(Vec<(Listener, Url)>);

impl Listeners {
    /// Binds the configured address (or, where that is allowed, the next free port of it) and all further ones.
    ///
    /// # Errors
    /// [`NodeError::Listen`]; [`NodeError::Exposed`] before anything is bound.
    pub async fn bind(config: &NodeConfig, credentials: &Credentials) -> Result<Self, NodeError> {
        let main = ListenAddress { plain: false, address: SocketAddr::new(config.host, config.port) };
        let http = config.listen.iter().chain([&main]).map(|listen| listen.address);
        let exposed = http.chain(config.serving.postgres).find(|address| !address.ip().is_loopback());
        if let Some(address) = exposed
            && !credentials.are_asked_for()
            && !config.access.allow_anonymous
        {
            return Err(NodeError::Exposed { address });
        }
        let mut bound = vec![bind_main(config, credentials, main).await?];
        for listen in &config.listen {
            bound.push(bind(credentials, *listen).await?);
        }
        Ok(Self(bound))
    }

    /// The address for people.
    pub fn main(&self) -> &Url {
        let (_, url) = self.0.first().expect("the main address is bound first");
        url
    }

    /// The address for the commands on this machine: without TLS if there is such a one, for the certificate is made out to a name.
    pub fn local(&self) -> &Url {
        let plain = self.0.iter().find(|(listener, url)| {
            url.scheme() == "http" && listener.address().is_ok_and(|address| address.ip().is_loopback())
        });
        plain.map_or(self.main(), |(_, url)| url)
    }

    /// All addresses.
    pub fn urls(&self) -> impl Iterator<Item = &Url> {
        self.0.iter().map(|(_, url)| url)
    }

    /// The listeners, to be served.
    pub fn into_listeners(self) -> Vec<Listener> {
        self.0.into_iter().map(|(listener, _)| listener).collect()
    }
}

async fn bind_main(
    config: &NodeConfig,
    credentials: &Credentials,
    mut listen: ListenAddress,
) -> Result<(Listener, Url), NodeError> {
    loop {
        match bind(credentials, listen).await {
            Err(NodeError::Listen { source, .. })
                if config.next_free_port
                    && source.kind() == io::ErrorKind::AddrInUse
                    && listen.address.port() < config.port.saturating_add(PORTS_TRIED) =>
            {
                listen.address.set_port(listen.address.port() + 1);
            }
            bound => return bound,
        }
    }
}

async fn bind(credentials: &Credentials, listen: ListenAddress) -> Result<(Listener, Url), NodeError> {
    let failed = |source| NodeError::Listen { address: listen.address.to_string(), source };
    let tls = credentials.tls().filter(|_| !listen.plain).cloned();
    let listener = Listener::bind(listen.address, tls).await.map_err(failed)?;
    let address = listener.address().map_err(failed)?;
    let url = format!("{}://{address}/", listener.scheme()).parse().expect("an address and a port make a URL");
    Ok((listener, url))
}
