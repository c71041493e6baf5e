//! The dialect of the Confluent Kafka REST Proxy.

mod base_url;
mod consumer_groups;
mod error;
mod media_type;
mod openapi;
mod partitioner;
mod v2;
mod v3;

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pinflow_openapi::Api;
use serde::Serialize;

use crate::dialect::{Backend, Call, Dialect};
use consumer_groups::{ConsumerGroups, ConsumerLimits};
use error::KafkaRestError;
use partitioner::StickyPartitioner;

/// Kafka REST. It claims every request that no other dialect does, and so gives unknown paths their 404.
#[derive(Debug)]
pub(crate) struct KafkaRest {
    sticky: Arc<StickyPartitioner>,
    groups: ConsumerGroups,
}

impl KafkaRest {
    pub(crate) fn new(backend: &Backend) -> Self {
        let limits = ConsumerLimits {
            instances: backend.settings.max_consumer_instances,
            instance_timeout: backend.settings.consumer_instance_timeout,
        };
        let groups =
            ConsumerGroups::new(Arc::clone(&backend.log), Arc::clone(&backend.clock), limits, backend.pages.clone());
        Self { sticky: Arc::default(), groups }
    }
}

#[async_trait]
impl Dialect for KafkaRest {
    fn name(&self) -> &'static str {
        "kafka_rest"
    }

    fn claims(&self, _call: &Call) -> bool {
        true
    }

    async fn answer(&self, call: &Call, body: Body) -> Response {
        let answer = match (call.caller.is_known(), call.path.root()) {
            (false, _) => Err(KafkaRestError::Unauthorized),
            (true, Some("v3")) => return v3::answer(self, call, body).await,
            (true, _) => v2::answer(self, call, body).await,
        };
        answer.unwrap_or_else(|refusal| {
            call.metrics.refuse(refusal.code());
            if refusal.status().is_server_error() {
                // Whoever failed has logged it once; here it is said for each request.
                tracing::debug!(request = %call.id, "{refusal}");
            }
            refusal.into_response(&call.headers)
        })
    }
}

/// The versions, as the OpenAPI document has them.
pub(crate) fn apis() -> Vec<Api> {
    let mut v2 = v2::api();
    v2.schemas.extend(openapi::schemas());
    vec![v2, v3::api()]
}

/// A 200 with `body` as JSON, typed as `media_type`.
fn json_reply(media_type: &'static str, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("replies have text keys and finite numbers only");
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type))], text).into_response()
}
