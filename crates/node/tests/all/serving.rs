//! Other tools reach a node's tables with the credentials, the certificate and the limits of the node.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use pinflow_node::{AccessSettings, Node, NodeConfig, NodeError, ServingSettings, TlsSettings};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::support::{Running, config, pinterest, start};

const LIST: &str = "
callers:
  - name: loader
    passwords: [load]
    produce: ['*']
  - name: analyst
    passwords: [analyse]
    dashboard: true
";

fn any_port() -> ServingSettings {
    ServingSettings { postgres: Some(SocketAddr::from(([127, 0, 0, 1], 0))) }
}

fn with_access(data: &Path) -> NodeConfig {
    let file = data.join("access.yaml");
    fs::write(&file, LIST).unwrap();
    let access = AccessSettings { file: Some(file), allow_anonymous: false };
    NodeConfig { serving: any_port(), access, ..config(data, pinterest()) }
}

async fn postgres(running: &Running) -> PgConnectOptions {
    let overview = running.node.view().overview().await.unwrap();
    let url = overview.urls.iter().find(|url| url.starts_with("postgresql:")).unwrap();
    let options: PgConnectOptions = url.parse().unwrap();
    options.username("analyst").password("analyse").ssl_mode(PgSslMode::Disable)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_list_is_for_every_way_in() {
    let data = tempfile::tempdir().unwrap();
    let running = start(with_access(data.path())).await;
    let url = running.url.join("api/sql?sql=SELECT%20count(*)%20AS%20n%20FROM%20pin").unwrap();
    for (user, password, status) in [("nobody", "x", 401), ("loader", "load", 403), ("analyst", "analyse", 200)] {
        let reply = running.client.get(url.clone()).basic_auth(user, Some(password)).send().await.unwrap();
        assert_eq!(reply.status(), status, "{user}");
        let let_in = postgres(&running).await.username(user).password(password).connect().await;
        assert_eq!(let_in.is_ok(), status == 200, "{user}");
    }
    let reply =
        running.client.get(url.clone()).header("host", "rebound.example").basic_auth("analyst", Some("analyse"));
    assert_eq!(reply.send().await.unwrap().status(), 403, "a page that rebinds its name must not read");
    let reply = running.client.post(url).header("origin", "http://evil.example").basic_auth("analyst", Some("analyse"));
    assert_eq!(reply.send().await.unwrap().status(), 403);
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_has_the_nodes_certificate() {
    let data = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut settings = with_access(data.path());
    settings.tls = TlsSettings { certificate: Some(certificate.clone()), key: Some(key) };
    let running = start(settings).await;
    let options = postgres(&running).await.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(&certificate);
    let mut client = options.connect().await.unwrap();
    let n: i64 = sqlx::query_scalar("SELECT count(*) FROM system.balance").fetch_one(&mut client).await.unwrap();
    assert!(n > 0, "the node's own tables are told anew for each question");
    client.close().await.unwrap();
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_others_reach_needs_an_access_list() {
    let data = tempfile::tempdir().unwrap();
    let serving = ServingSettings { postgres: Some(SocketAddr::from(([0, 0, 0, 0], 0))) };
    let node = Node::open(NodeConfig { serving, ..config(data.path(), pinterest()) }).await.unwrap();
    node.start();
    let refused = node.listen().await.unwrap_err();
    assert!(matches!(refused, NodeError::Exposed { .. }), "{refused}");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_the_page_shows_are_streamed() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let request = running.client.post(running.url.join("api/sql").unwrap());
    let request = request.header("content-type", "application/sql").header("accept", "application/x-ndjson");
    let reply = request.body("SELECT value FROM range(0, 150000)").send().await.unwrap();
    let body = reply.text().await.unwrap();
    assert_eq!(body.lines().count(), 150_000);
    let last: Value = serde_json::from_str(body.lines().last().unwrap()).unwrap();
    assert_eq!(last["value"], 149_999);
    running.node.stop().await.unwrap();
}
