//! The dialect of the Confluent Kafka REST Proxy.

mod error;
mod media_type;
mod openapi;
mod partitioner;
mod v2;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pinflow_openapi::Api;
use serde::Serialize;

use crate::dialect::{Call, Dialect};
use partitioner::StickyPartitioner;

/// Kafka REST. It claims every request that no other dialect does, and so gives unknown paths their 404.
#[derive(Debug, Default)]
pub(crate) struct KafkaRest {
    sticky: StickyPartitioner,
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
        v2::answer(&self.sticky, call, body).await.unwrap_or_else(|refusal| {
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
    vec![v2]
}

/// A 200 with `body` as JSON, typed as `media_type`.
fn json_reply(media_type: &'static str, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("replies have text keys and finite numbers only");
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type))], text).into_response()
}
