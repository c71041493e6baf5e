//! A running node, over its HTTP API.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
use super::model::QueryResult;
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

    /// As [`Remote::get`], about a lane.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn get_of_lane<T: DeserializeOwned>(&self, path: &[&str], lane: &str) -> Result<T, ReachError> {
        self.answer(self.client.get(self.at_lane(path, lane))).await
    }

    /// As [`Remote::post`], about a lane and without a body.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn post_to_lane<T: DeserializeOwned>(&self, path: &[&str], lane: &str) -> Result<T, ReachError> {
        self.answer(self.client.post(self.at_lane(path, lane))).await
    }

    /// Removes something of a lane.
    ///
    /// # Errors
    /// [`ReachError`].
    pub async fn delete_of_lane(&self, path: &[&str], lane: &str) -> Result<(), ReachError> {
        self.accepted(self.client.delete(self.at_lane(path, lane))).await.map(drop)
    }

    /// The rows that the node streams in answer to a question.
    ///
    /// # Errors
    /// [`ReachError`]; where the answer breaks off, which is how a node ends one that came to a limit.
    pub async fn rows(&self, path: &[&str], body: &serde_json::Value) -> anyhow::Result<QueryResult> {
        let began = Instant::now();
        let response = self.accepted(self.client.post(self.at(path)).json(body)).await?;
        let mut lines = std::pin::pin!(lines(response));
        let columns = match lines.next().await {
            Some(line) => serde_json::from_slice(&line?).context("the node sent what are no columns")?,
            None => anyhow::bail!("the node sent no columns"),
        };
        let mut rows = Vec::new();
        while let Some(line) = lines.next().await {
            let line = line.with_context(|| {
                format!(
                    "the node broke the answer off after {} rows, as at its limits (`query.rows`, `query.time`)",
                    rows.len()
                )
            })?;
            rows.push(serde_json::from_slice(&line).context("the node sent what is no row")?);
        }
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(QueryResult { columns, rows, elapsed_ms })
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
        Ok(lines(response).map(|line| {
            serde_json::from_slice(&line.context("the node broke off")?).context("the node sent what is no record")
        }))
    }

    /// The address of a part of the API, whatever characters its segments have.
    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        url.path_segments_mut().expect("an HTTP address has a path").pop_if_empty().push("api").extend(path);
        url
    }

    fn at_lane(&self, path: &[&str], lane: &str) -> Url {
        let mut url = self.at(path);
        url.query_pairs_mut().append_pair("lane", lane);
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

/// The lines of a body, without their ends.
fn lines(response: Response) -> impl Stream<Item = reqwest::Result<Vec<u8>>> {
    let state = (response.bytes_stream(), Vec::new(), VecDeque::new());
    futures::stream::unfold(state, |(mut bytes, mut begun, mut whole): (_, Vec<u8>, VecDeque<Vec<u8>>)| async move {
        loop {
            if let Some(line) = whole.pop_front() {
                return Some((Ok(line), (bytes, begun, whole)));
            }
            match bytes.next().await? {
                Ok(more) => {
                    for part in more.split_inclusive(|byte| *byte == b'\n') {
                        begun.extend_from_slice(part);
                        if begun.pop_if(|byte| *byte == b'\n').is_some() {
                            whole.push_back(std::mem::take(&mut begun));
                        }
                    }
                }
                Err(error) => return Some((Err(error), (bytes, Vec::new(), VecDeque::new()))),
            }
        }
    })
}
