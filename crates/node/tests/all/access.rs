//! Who reaches a node, and by which addresses.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use pinflow_node::{AccessSettings, Node, NodeError, TlsSettings, running_node};
use reqwest::{Certificate, Client, StatusCode};
use url::Url;

use crate::support::{Running, config, pinterest, start};

const LIST: &str = "
callers:
  - name: loader
    api_keys: [load-key]
    produce: ['*']
  - name: people
    passwords: [people-password]
    consume: ['*']
    dashboard: true
";
const RECORD: &str = r#"{"records":[{"value":{"ind":1}}]}"#;

async fn get(running: &Running, path: &str, key: Option<&str>) -> StatusCode {
    let mut request = running.client.get(running.url.join(path).unwrap());
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    request.send().await.unwrap().status()
}

async fn produce(running: &Running, key: &str) -> StatusCode {
    let request = running.client.post(running.url.join("topics/demo.user").unwrap()).header("x-api-key", key);
    let request = request.header("content-type", "application/vnd.kafka.json.v2+json").body(RECORD);
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_list_decides_and_is_read_again() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("access.yaml");
    fs::write(&file, LIST).unwrap();
    let mut settings = config(data.path(), pinterest());
    settings.access.file = Some(file.clone());
    let running = start(settings).await;
    for path in ["api/overview", "api/tail/demo.user", "dashboard", "api/nothing", "topics", "nowhere"] {
        assert_eq!(get(&running, path, None).await, 401, "{path}");
        assert_eq!(get(&running, path, Some("wrong")).await, 401, "{path}");
    }
    for path in ["api/overview", "api/tail/demo.user", "dashboard"] {
        assert_eq!(get(&running, path, Some("load-key")).await, 403, "{path}");
        let request = running.client.get(running.url.join(path).unwrap());
        let reply = request.basic_auth("people", Some("people-password")).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
    }
    assert_eq!(produce(&running, "load-key").await, 200);

    fs::write(&file, "callers: [").unwrap();
    fs::write(file.with_extension("new"), LIST.replace("load-key", "new-key")).unwrap();
    assert_eq!(produce(&running, "load-key").await, 200, "a broken file changes nothing");
    fs::rename(file.with_extension("new"), &file).unwrap();
    let wait = async {
        while produce(&running, "new-key").await != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the new list is not used");
    assert_eq!(produce(&running, "load-key").await, 401);
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_reach_needs_an_access_list() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("access.yaml");
    fs::write(&file, LIST).unwrap();
    let listen = async |host: [u8; 4], further: &str, access: AccessSettings| {
        let mut settings = config(data.path(), pinterest());
        settings.host = IpAddr::from(host);
        settings.listen = further.split_whitespace().map(|address| address.parse().unwrap()).collect();
        settings.access = access;
        let node = Node::open(settings).await.unwrap();
        node.start();
        let listens = node.listen().await;
        node.stop().await.unwrap();
        listens
    };
    let (local, all) = ([127, 0, 0, 1], [0, 0, 0, 0]);
    for (host, further) in [(all, ""), (local, "0.0.0.0:0"), (local, "[::]:0")] {
        let refused = listen(host, further, AccessSettings::default()).await.unwrap_err();
        assert!(matches!(refused, NodeError::Exposed { .. }), "{refused}");
        assert!(refused.to_string().contains("access.allow_anonymous"), "{refused}");
    }
    listen(local, "127.0.0.1:0", AccessSettings::default()).await.unwrap();
    listen(all, "", AccessSettings { file: Some(file), allow_anonymous: false }).await.unwrap();
    listen(all, "", AccessSettings { file: None, allow_anonymous: true }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_for_all_addresses_but_plain_ones() {
    let data = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut settings = config(data.path(), pinterest());
    settings.tls = TlsSettings { certificate: Some(certificate), key: Some(key) };
    settings.listen = vec!["http://127.0.0.1:0".parse().unwrap()];
    let running = start(settings.clone()).await;
    assert_eq!(running.url.scheme(), "https");
    let roots = [Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()];
    let client = Client::builder().tls_certs_only(roots).no_proxy().build().unwrap();
    let overview = client.get(running.url.join("api/overview").unwrap()).send().await.unwrap();
    let overview: serde_json::Value = overview.json().await.unwrap();
    let plain: Url = overview["urls"][1].as_str().unwrap().parse().unwrap();
    assert_eq!(running.client.get(plain.join("topics").unwrap()).send().await.unwrap().status(), 200);
    assert_eq!(running_node(data.path()).unwrap().url, plain, "commands on this machine need no certificate");
    running.node.stop().await.unwrap();

    settings.tls.key = None;
    assert!(matches!(Node::open(settings).await, Err(NodeError::HalfOfTls)));
}
