//! A gateway for tests: it keeps what it gets and answers as it is told.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as a gateway got it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: HeaderMap,
    pub body: Value,
    pub connection: SocketAddr,
}

type Answer = Arc<dyn Fn(usize, &Seen) -> Response + Send + Sync>;

/// A gateway on a free port that keeps what it gets and answers as it is told.
pub struct Gateway {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Gateway {
    pub async fn answering(answer: impl Fn(usize, &Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let answer: Answer = Arc::new(answer);
        let router = axum::Router::new().fallback(handle).with_state((seen.clone(), answer));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn handle(
    State((seen, answer)): State<(Arc<Mutex<Vec<Seen>>>, Answer)>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let got = Seen { line, headers, body: serde_json::from_slice(&body).unwrap(), connection };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(got.clone());
        seen.len() - 1
    };
    answer(number, &got)
}

/// What a gateway answers that stores everything.
pub fn stored(seen: &Seen) -> Response {
    let body = if seen.line.contains("/topics/") {
        let records = seen.body["records"].as_array().unwrap().iter();
        let offset = |_| json!({"partition": 0, "offset": 7, "error_code": null, "error": null});
        json!({"offsets": records.map(offset).collect::<Vec<_>>(), "key_schema_id": null, "value_schema_id": null})
    } else if seen.line.ends_with("/records") {
        let records = seen.body["records"].as_array().unwrap().iter();
        let record = |_| json!({"SequenceNumber": "495", "ShardId": "shardId-000000000000"});
        json!({"FailedRecordCount": 0, "Records": records.map(record).collect::<Vec<_>>()})
    } else {
        json!({"SequenceNumber": "495", "ShardId": "shardId-000000000000"})
    };
    axum::Json(body).into_response()
}
