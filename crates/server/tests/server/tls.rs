//! TLS, and certificates that are replaced.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pinflow_server::{Limits, Tls, TlsError, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::Server;

fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
}

async fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let socket = TcpStream::connect(("127.0.0.1", server.ports[0])).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), socket).await
}

#[tokio::test]
async fn both_versions_of_http_are_offered_and_a_new_certificate_is_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_certificate(folder.path());
    let tls = Tls::read(files(folder.path())).unwrap();
    let server = Server::start_on(Limits::default(), &[Some(tls.clone())]).await;
    assert_eq!(connect(&server, &old, b"h2").await.unwrap().get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut stream = connect(&server, &old, b"http/1.1").await.unwrap();
    stream.write_all(b"GET /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("0 bytes to /tls at h"), "{reply}");
    let kept = connect(&server, &old, b"http/1.1").await.unwrap();

    assert!(!tls.reload().unwrap(), "nothing has changed");
    fs::write(folder.path().join("cert.pem"), "half of a certifi").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Pem { what: "certificate", .. })));
    connect(&server, &old, b"http/1.1").await.expect("the old one is still used");
    let new = write_certificate(folder.path());
    assert!(tls.reload().unwrap());
    connect(&server, &new, b"http/1.1").await.unwrap();
    assert!(connect(&server, &old, b"http/1.1").await.is_err());
    let mut kept = kept;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    kept.read_to_string(&mut reply).await.unwrap();
    assert!(reply.contains("200"), "a connection outlives its certificate's files");
    server.end().await;
}

#[tokio::test]
async fn a_client_without_tls_holds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_certificate(folder.path());
    let tls = Tls::read(files(folder.path())).unwrap();
    let server = Server::start_on(Limits::default(), &[Some(tls)]).await;
    let mut plain = server.connect().await;
    plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(!plain.rest().await.contains("HTTP"));
    connect(&server, &certificate, b"http/1.1").await.unwrap();
    let _silent = server.connect().await;
    server.end().await;
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Tls::read(files(folder.path())).unwrap_err().to_string().contains("cert.pem"));
    write_certificate(folder.path());
    fs::write(folder.path().join("key.pem"), "none").unwrap();
    assert!(matches!(Tls::read(files(folder.path())), Err(TlsError::Pem { what: "private key", .. })));
    let other = tempfile::tempdir().unwrap();
    write_certificate(other.path());
    fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    assert!(
        matches!(Tls::read(files(folder.path())), Err(TlsError::Unusable { .. })),
        "the key of another certificate"
    );
}
