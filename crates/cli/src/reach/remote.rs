//! A running node, over its HTTP API.

use std::time::Duration;

use anyhow::Context;
use futures::{Stream, StreamExt};
use pinflow_dashboard::view::{Lane, LetterSelection};
use pinflow_node::TailRecord;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::ReachError;
use crate::config::ClientSettings;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A client of a node.
#[derive(Clone, Debug)]
pub struct Remote {
    url: Url,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct ApiError {
    error: String,
    hint: Option<String>,
}

impl Remote {
    /// A client of the node at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// Where certificates are needed and cannot be read.
    pub fn new(url: &Url, settings: &ClientSettings) -> anyhow::Result<Self> {
        // Fails where a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().connect_timeout(CONNECT).no_proxy();
        let client =
            client.default_headers(settings.api_key.iter().map(|key| (API_KEY, key.clone())).collect::<HeaderMap>());
        let certificates = settings.certificates()?;
        // Without TLS no certificates are needed, and a machine that has none must not fail.
        let system = url.scheme() == "https" && certificates.is_empty();
        let client = if system { client } else { client.tls_certs_only(certificates) };
        let client = client
            .build()
            .context("the HTTP client cannot be made; check that the system's certificates are installed")?;
        Ok(Self { url: url.clone(), client })
    }

    /// The node's address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Asks.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ReachError> {
        self.answer(self.client.get(self.at(path))).await
    }

    /// As [`Remote::get`], for lists: so many elements at most.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn list<T: DeserializeOwned>(&self, path: &[&str], limit: usize) -> Result<T, ReachError> {
        let mut url = self.at(path);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        self.answer(self.client.get(url)).await
    }

    /// As [`Remote::list`], of those dead letters that are meant.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn select<T: DeserializeOwned>(
        &self,
        path: &[&str],
        letters: &LetterSelection,
        limit: usize,
    ) -> Result<T, ReachError> {
        let mut url = self.at(path);
        let LetterSelection { lane, partition, from, to, since_ms, reason } = letters;
        let lane = lane.map(|lane| if lane == Lane::Batch { "batch" } else { "stream" }.to_owned());
        let given = [
            ("lane", lane),
            ("partition", partition.map(|number| number.to_string())),
            ("from", from.map(|offset| offset.to_string())),
            ("to", to.map(|offset| offset.to_string())),
            ("since_ms", since_ms.map(|time| time.to_string())),
            ("reason", reason.clone()),
            ("limit", Some(limit.to_string())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        url.query_pairs_mut().extend_pairs(given);
        self.answer(self.client.get(url)).await
    }

    /// As [`Remote::get`], where 503 is an answer too: a node that is not well says so.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn get_health<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ReachError> {
        let response = self.client.get(self.at(path)).send().await.map_err(|error| self.unreachable(&error))?;
        let response = match response.status() {
            StatusCode::SERVICE_UNAVAILABLE => response,
            _ => self.checked(response).await?,
        };
        response.json().await.map_err(|error| self.unreachable(&error))
    }

    /// Tells.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &serde_json::Value) -> Result<T, ReachError> {
        self.answer(self.client.post(self.at(path)).json(body)).await
    }

    /// The records of a topic, an object a line.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn tail(
        &self,
        topic: &str,
        from: &str,
        follow: bool,
    ) -> Result<impl Stream<Item = anyhow::Result<TailRecord>> + use<>, ReachError> {
        let mut url = self.at(&["tail", topic]);
        url.query_pairs_mut().append_pair("from", from).append_pair("follow", if follow { "true" } else { "false" });
        let response = self.accepted(self.client.get(url)).await?;
        let state = (response.bytes_stream(), Vec::new());
        Ok(futures::stream::unfold(state, |(mut bytes, mut kept): (_, Vec<u8>)| async move {
            loop {
                if let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = kept.drain(..=end).collect();
                    let record = serde_json::from_slice(&line).context("the node sent what is no record");
                    return Some((record, (bytes, kept)));
                }
                match bytes.next().await? {
                    Ok(more) => kept.extend_from_slice(&more),
                    Err(error) => return Some((Err(error).context("the node broke off"), (bytes, Vec::new()))),
                }
            }
        }))
    }

    /// The address of a part of the API, whatever characters its segments have.
    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        url.path_segments_mut().expect("an HTTP address has a path").pop_if_empty().push("api").extend(path);
        url
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ReachError> {
        let response = self.accepted(request).await?;
        response.json().await.map_err(|error| self.unreachable(&error))
    }

    async fn accepted(&self, request: RequestBuilder) -> Result<Response, ReachError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.checked(response).await
    }

    async fn checked(&self, response: Response) -> Result<Response, ReachError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let invalid = matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND);
        if status == StatusCode::UNAUTHORIZED {
            let message = format!("the node at {} wants to know who asks", self.url);
            let hint = Some("set `api_key` (PINFLOW_API_KEY) to a key of its access list".to_owned());
            return Err(ReachError::Refused { message, hint, invalid: true });
        }
        match response.json::<ApiError>().await {
            Ok(ApiError { error, hint }) => Err(ReachError::Refused { message: error, hint, invalid }),
            Err(_) => Err(ReachError::Unreachable {
                url: self.url.to_string(),
                reason: format!("it answers {status}, as no node does"),
            }),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ReachError {
        // The outer error names the address once more; the innermost one says why.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        ReachError::Unreachable { url: self.url.to_string(), reason: cause.to_string() }
    }
}
