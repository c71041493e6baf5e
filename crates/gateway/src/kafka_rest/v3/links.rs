//! The absolute URLs and resource names in replies.
//!
//! They begin with the URL that the client used ([`base_url()`]), and every segment in them is escaped, so that a link is
//! always a valid URL.

use serde::Serialize;

use crate::dialect::Call;
use crate::kafka_rest::base_url::{self, base_url};
use crate::path::percent_encoded;

/// The one broker that a pinflow node is.
pub(super) const BROKER: &str = "1";

/// A link to another resource.
#[derive(Debug, Serialize)]
pub(super) struct Related {
    related: String,
}

/// What a resource says about itself.
#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    #[serde(rename = "self")]
    this: String,
    resource_name: String,
}

/// One resource with its envelope.
#[derive(Debug, Serialize)]
pub(super) struct Resource<T> {
    kind: &'static str,
    metadata: Metadata,
    #[serde(flatten)]
    data: T,
}

/// A list of resources. There are no pages: `next` is always null.
#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    kind: &'static str,
    metadata: ListMetadata,
    data: Vec<T>,
}

#[derive(Debug, Serialize)]
struct ListMetadata {
    #[serde(rename = "self")]
    this: String,
    next: Option<String>,
}

/// Makes the links of one reply.
#[derive(Debug)]
pub(super) struct Links {
    base: String,
    cluster: String,
    host: String,
    port: u16,
}

impl Links {
    /// Links as they are to be in the reply to `call`.
    pub(super) fn new(call: &Call) -> Self {
        let authority = base_url::authority(call);
        let with_port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let default_port = if base_url::scheme(call) == "https" { 443 } else { 80 };
        let (host, port) = with_port.unwrap_or((authority, default_port));
        Self {
            base: format!("{}/v3", base_url(call)),
            cluster: call.backend.settings.cluster_id.clone(),
            host: host.to_owned(),
            port,
        }
    }

    /// The id of the cluster.
    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The host that the client used.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The port that the client used.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the list of clusters.
    pub(super) fn clusters(&self) -> String {
        format!("{}/clusters", self.base)
    }

    /// The URL of what stands at `path` below the cluster.
    pub(super) fn url(&self, path: &[&str]) -> String {
        let mut url = format!("{}/{}", self.clusters(), percent_encoded(&self.cluster));
        for segment in path {
            url.push('/');
            url.push_str(&percent_encoded(segment));
        }
        url
    }

    /// A link to what stands at `path` below the cluster.
    pub(super) fn related(&self, path: &[&str]) -> Related {
        Related { related: self.url(path) }
    }

    /// The resource at `path` below the cluster, named by `name` in it: pairs of kind and id, or a kind alone.
    pub(super) fn resource<T>(&self, kind: &'static str, path: &[&str], name: &[&str], data: T) -> Resource<T> {
        let mut resource_name = format!("crn:///kafka={}", percent_encoded(&self.cluster));
        for pair in name.chunks(2) {
            let pair: Vec<String> = pair.iter().map(|part| percent_encoded(part)).collect();
            resource_name.push('/');
            resource_name.push_str(&pair.join("="));
        }
        Resource { kind, metadata: Metadata { this: self.url(path), resource_name }, data }
    }

    /// The list at `path` below the cluster.
    pub(super) fn list<T>(&self, kind: &'static str, path: &[&str], data: Vec<T>) -> List<T> {
        Self::list_at(kind, self.url(path), data)
    }

    /// The list at `url`.
    pub(super) fn list_at<T>(kind: &'static str, url: String, data: Vec<T>) -> List<T> {
        List { kind, metadata: ListMetadata { this: url, next: None }, data }
    }
}

impl<T> Resource<T> {
    /// Its own URL.
    pub(super) fn url(&self) -> &str {
        &self.metadata.this
    }
}
