//! What a dialect is, and which there are.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use pinflow_access::{Access, Caller, Right};
use pinflow_event::{Clock, TopicName};
use pinflow_log::EventLog;
use tokio::sync::Mutex;

use crate::GatewaySettings;
use crate::api_gateway::ApiGateway;
use crate::body::{self, BodyBudget, BodyError, BodyShare, Encoding};
use crate::kafka_rest::KafkaRest;
use crate::kinesis_native::KinesisNative;
use crate::metrics::RequestMetrics;
use crate::path::RequestPath;
use crate::request_id::RequestId;

/// All dialects. A request goes to the first that claims it; the last claims everything.
pub(crate) fn dialects(backend: &Backend) -> Vec<Box<dyn Dialect>> {
    vec![Box::new(KinesisNative), Box::new(ApiGateway), Box::new(KafkaRest::new(backend))]
}

/// An HTTP protocol that existing clients speak.
#[async_trait]
pub(crate) trait Dialect: Send + Sync + fmt::Debug {
    /// Its name in metrics and logs.
    fn name(&self) -> &'static str;

    /// Whether a request is meant for it.
    fn claims(&self, call: &Call) -> bool;

    /// Answers a request, also a wrong one, in the dialect's own words.
    async fn answer(&self, call: &Call, body: Body) -> Response;
}

/// What all dialects work with.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) settings: GatewaySettings,
    pub(crate) clock: Arc<dyn Clock>,
    /// What the pages of records may take that are being read and written.
    pub(crate) pages: BodyBudget,
    /// Held while what is kept of a topic is read, changed and written, so that no change is lost.
    pub(crate) administration: Mutex<()>,
    /// Who may use the gateway.
    pub(crate) access: Access,
    /// What the bodies of all requests may take.
    pub(crate) bodies: BodyBudget,
}

/// One request on its way through a dialect, without its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) path: RequestPath,
    pub(crate) headers: HeaderMap,
    /// Who sent it, as far as its headers say by themselves.
    pub(crate) caller: Caller,
    /// What its body takes; given back when the call is answered.
    pub(crate) body: BodyShare,
    pub(crate) backend: Arc<Backend>,
    /// What the request counts.
    pub(crate) metrics: Arc<RequestMetrics>,
}

impl Call {
    /// Whether the caller has a right on a topic. Each dialect says in its own words that it has not.
    pub(crate) fn may(&self, right: Right, topic: &TopicName) -> bool {
        self.caller.may(right, topic)
    }

    /// The whole body, of the largest size allowed at most, its content encoding undone.
    ///
    /// # Errors
    /// As [`Call::read_encoded`] and [`Call::decoded`].
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, BodyError> {
        // Who cannot be understood need not send it all.
        Encoding::of(&self.headers)?;
        self.decoded(self.read_encoded(body).await?)
    }

    /// The whole body as it was sent: what a signature covers.
    ///
    /// # Errors
    /// As [`body::read`].
    pub(crate) async fn read_encoded(&self, body: Body) -> Result<Bytes, BodyError> {
        body::read(body, self.backend.settings.max_body_bytes, &self.body).await
    }

    /// A body with its content encoding undone. What reading its records may take is then the call's.
    ///
    /// # Errors
    /// [`BodyError::UnknownEncoding`]; as [`body::inflate`].
    pub(crate) fn decoded(&self, body: Bytes) -> Result<Bytes, BodyError> {
        let body = match Encoding::of(&self.headers)? {
            Encoding::Identity => body,
            Encoding::Gzip => body::inflate(body, self.backend.settings.max_body_bytes, &self.body)?,
        };
        self.body.take(body::record_memory(&body))?;
        Ok(body)
    }
}
