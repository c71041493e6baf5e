//! A gateway in front of a log in memory, with a clock that stands still.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use pinflow_access::{Access, AccessList};
use pinflow_event::{Clock, ManualClock, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use pinflow_gateway::{Gateway, GatewaySettings};
use pinflow_log::{EventLog, MemoryLog, ReadLimit};
use tower::ServiceExt;

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

pub struct Harness {
    pub gateway: Gateway,
    pub log: Arc<dyn EventLog>,
    pub clock: Arc<ManualClock>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Harness {
    pub fn new(settings: GatewaySettings) -> Self {
        Self::in_front_of(settings, |log| log)
    }

    /// A gateway for the callers of an access list alone.
    pub fn guarded(settings: GatewaySettings, list: &str) -> Self {
        let list = AccessList::parse(list, Path::new("access.yaml")).unwrap();
        Self::made(settings, |log| log, Access::listed(list))
    }

    /// A gateway whose log is what `wrap` makes of one in memory.
    pub fn in_front_of(settings: GatewaySettings, wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>) -> Self {
        Self::made(settings, wrap, Access::open())
    }

    fn made(
        settings: GatewaySettings,
        wrap: impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog>,
        access: Access,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let log = wrap(Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<dyn Clock>)));
        let gateway = Gateway::guarded(Arc::clone(&log), settings, Arc::clone(&clock) as Arc<dyn Clock>, access);
        Self { gateway, log, clock }
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let (head, body) = self.gateway.router().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: head.status, headers: head.headers, body: String::from_utf8(body.into()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Produces a JSON v2 body.
    pub async fn produce(&self, topic: &str, body: impl Into<Bytes>) -> Reply {
        let request = Request::post(format!("/topics/{topic}"))
            .header("content-type", "application/vnd.kafka.json.v2+json")
            .body(Body::from(body.into()));
        self.send(request.unwrap()).await
    }

    /// Puts a body to a path of the API Gateway dialect.
    pub async fn put(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        let request = Request::put(path).header("content-type", "application/json").body(Body::from(body.into()));
        self.send(request.unwrap()).await
    }

    pub async fn stored(&self, topic: &str, partition: u32) -> Vec<Record> {
        let at = TopicPartition::new(TopicName::new(topic).unwrap(), Partition(partition));
        let everything = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        self.log.read(&at, Offset::ZERO, everything).await.unwrap()
    }
}
