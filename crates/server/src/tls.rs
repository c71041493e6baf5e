//! TLS from certificate files, which may be replaced while the server runs.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where a certificate and its key stand, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds no PEM of that sort.
    #[error("{} holds no {what} in PEM", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Certificate and key do not fit, or are of a sort that is not known.
    #[error("the certificate {} and the key {} cannot be used together: {reason}", files.certificate.display(), files.key.display())]
    Unusable {
        /// The files.
        files: TlsFiles,
        /// Why not.
        reason: String,
    },
}

/// TLS with the certificate in two files. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// The files' bytes that `config` was made of.
    read: Mutex<Pair>,
}

type Pair = (Vec<u8>, Vec<u8>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = read(&files)?;
        let config = config(&files, &pair)?;
        Ok(Self(Arc::new(Inner { files, config: ArcSwap::from_pointee(config), read: Mutex::new(pair) })))
    }

    /// Reads the files again, and uses them for new connections where they have changed. Says whether they have.
    ///
    /// # Errors
    /// [`TlsError`]; the old certificate stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let pair = read(&self.0.files)?;
        let mut used = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *used == pair {
            return Ok(false);
        }
        self.0.config.store(Arc::new(config(&self.0.files, &pair)?));
        *used = pair;
        Ok(true)
    }

    /// What takes new connections, with the certificate that counts now.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.config.load_full())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

fn read(files: &TlsFiles) -> Result<Pair, TlsError> {
    let read = |file: &PathBuf| fs::read(file).map_err(|source| TlsError::File { file: file.clone(), source });
    Ok((read(&files.certificate)?, read(&files.key)?))
}

fn config(files: &TlsFiles, (certificate, key): &Pair) -> Result<ServerConfig, TlsError> {
    let pem = |file: &PathBuf, what| TlsError::Pem { file: file.clone(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| pem(&files.certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(pem(&files.certificate, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| pem(&files.key, "private key"))?;
    let unusable = |reason: String| TlsError::Unusable { files: files.clone(), reason };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
