//! The emulator: posts draws over HTTP to a gateway, each event on every lane, as the original system's users do.
//!
//! Every event of a draw that was taken ends as accepted or refused on every lane. Where a reply was lost, the event is
//! sent again and may be stored twice: such sendings are counted as uncertain, so that
//! `accepted <= stored <= accepted + uncertain` holds on every lane and stream.

mod pace;
mod post;
mod reply;
mod report;
mod request;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use pinflow_pipeline::Lane;
use reqwest::Certificate;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::draw::Draw;
use crate::error::SourceError;
use pace::Pace;
use post::Poster;
use request::{Batch, Batcher, Route};

pub use report::{Counts, EmulationReport, LaneCounts, PostError, Progress};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How an emulation is done.
#[derive(Clone, Debug)]
pub struct EmulatorOptions {
    /// Where the gateway is, with or without a stage such as `/dev`.
    pub base_url: String,
    /// Where the events of each stream go.
    pub streams: Vec<StreamTarget>,
    /// The lanes to post on.
    pub lanes: Vec<Lane>,
    /// Draws a second; `None` is as fast as the gateway takes them.
    pub rate: Option<f64>,
    /// Draws to take; `None` goes on until the emulation is stopped.
    pub draws: Option<u64>,
    /// Events a request, from 1 (what the original sends) to 500 (what Kinesis takes).
    pub batch: usize,
    /// Requests that wait for their reply at a time.
    pub in_flight: usize,
    /// How often a request is sent before its events are given up.
    pub attempts: u32,
    /// How long a reply may take.
    pub timeout: Duration,
    /// What the emulator calls itself.
    pub user_agent: String,
    /// The API key that it sends. Mark it as sensitive, and nothing shows it.
    pub api_key: Option<HeaderValue>,
    /// The roots that a gateway's certificate has to lead to; none of them are the system's.
    pub certificates: Vec<Certificate>,
}

impl Default for EmulatorOptions {
    /// Both lanes at full speed, one event a request, 64 requests at a time, 8 attempts, 30 seconds a reply.
    fn default() -> Self {
        Self {
            base_url: String::new(),
            streams: Vec::new(),
            lanes: Lane::ALL.to_vec(),
            rate: None,
            draws: None,
            batch: 1,
            in_flight: 64,
            attempts: 8,
            timeout: Duration::from_secs(30),
            user_agent: concat!("pinflow/", env!("CARGO_PKG_VERSION")).into(),
            api_key: None,
            certificates: Vec::new(),
        }
    }
}

/// Where the events of a stream go.
#[derive(Clone, Debug)]
pub struct StreamTarget {
    /// The stream's name in the pipeline.
    pub name: String,
    /// The topic of its batch lane, posted to by Kafka REST.
    pub batch_topic: String,
    /// The topic of its stream lane, posted to by the API Gateway form of Kinesis.
    pub stream_topic: String,
}

/// Posts draws to a gateway.
#[derive(Debug)]
pub struct Emulator {
    options: EmulatorOptions,
    routes: Arc<[Route]>,
    client: reqwest::Client,
    progress: Arc<Progress>,
}

impl Emulator {
    /// Prepares an emulation; nothing is sent yet.
    ///
    /// # Errors
    /// [`SourceError::Emulator`] for an address that is none or a number out of range.
    pub fn new(options: EmulatorOptions) -> Result<Self, SourceError> {
        check(&options)?;
        let routes: Vec<Route> = request::routes(&options)?;
        let counted = routes.iter().map(|route| (route.lane, route.stream.to_string()));
        let progress = Arc::new(Progress::new(counted.collect()));
        // Fails where a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .timeout(options.timeout)
            .pool_max_idle_per_host(options.in_flight)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(options.api_key.iter().map(|key| (API_KEY, key.clone())).collect())
            .no_proxy();
        // Without TLS no certificates are needed, and a machine that has none must not fail.
        let system = options.base_url.starts_with("https:") && options.certificates.is_empty();
        let client = if system { client } else { client.tls_certs_only(options.certificates.clone()) };
        let client = client.build().map_err(|error| SourceError::Emulator {
            problem: format!("the HTTP client cannot be made: {error}"),
            hint: "check that the system's certificates are installed".into(),
        })?;
        Ok(Self { options, routes: routes.into(), client, progress })
    }

    /// The counts so far, for a display; they go on while the emulation runs.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Takes draws and posts them until there are no more, enough are taken, `stop` is cancelled, or the gateway cannot be
    /// reached. Then waits for the replies of what was sent.
    ///
    /// # Errors
    /// What `draws` reports, after the events drawn before are posted. That a gateway refuses or is not there is no error
    /// here: the report says it.
    pub async fn run(
        self,
        draws: impl Stream<Item = Result<Draw, SourceError>> + Send,
        stop: CancellationToken,
    ) -> Result<EmulationReport, SourceError> {
        let began = Instant::now();
        // A child, so that giving up on the gateway does not stop what else the caller's token governs.
        let stop = stop.child_token();
        let poster = Arc::new(Poster {
            client: self.client,
            routes: self.routes.clone(),
            progress: self.progress.clone(),
            stop: stop.clone(),
            attempts: self.options.attempts,
        });
        let mut line = Line { poster, free: Arc::new(Semaphore::new(self.options.in_flight)), sent: JoinSet::new() };
        let mut batcher = Batcher::new(self.routes, self.options.batch);
        let mut pace = Pace::new(self.options.rate);
        let mut draws = std::pin::pin!(draws);
        let mut failed = None;
        for _ in 0..self.options.draws.unwrap_or(u64::MAX) {
            let next = async {
                pace.wait().await;
                draws.next().await
            };
            match stop.run_until_cancelled(next).await {
                None | Some(None) => break,
                Some(Some(Err(error))) => {
                    failed = Some(error);
                    break;
                }
                Some(Some(Ok(draw))) => {
                    self.progress.drawn();
                    // A draw that was taken is posted whole, also when the emulation is stopped meanwhile.
                    line.send(batcher.add(draw)).await;
                }
            }
        }
        line.send(batcher.rest()).await;
        line.finish().await;
        match failed {
            Some(error) => Err(error),
            None => Ok(self.progress.report(began.elapsed())),
        }
    }
}

/// The requests under way: as many at a time as are allowed, on all of the runtime's threads.
struct Line {
    poster: Arc<Poster>,
    free: Arc<Semaphore>,
    sent: JoinSet<()>,
}

impl Line {
    async fn send(&mut self, batches: Vec<Batch>) {
        for batch in batches {
            let place = self.free.clone().acquire_owned().await.expect("the semaphore is never closed");
            let poster = self.poster.clone();
            self.sent.spawn(async move {
                poster.post(batch).await;
                drop(place);
            });
            while let Some(finished) = self.sent.try_join_next() {
                passed_on(finished);
            }
        }
    }

    async fn finish(mut self) {
        while let Some(finished) = self.sent.join_next().await {
            passed_on(finished);
        }
    }
}

/// A panic in a request's task goes on in the emulation's: swallowed, it would leave events uncounted.
fn passed_on(finished: Result<(), JoinError>) {
    if let Err(error) = finished
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn check(options: &EmulatorOptions) -> Result<(), SourceError> {
    let (problem, hint) = if !(1..=500).contains(&options.batch) {
        (format!("a batch of {} events", options.batch), "give 1 to 500: Kinesis takes no more")
    } else if options.rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        ("a rate that is not above 0".into(), "give draws a second, as in 100 or 0.5, or no rate")
    } else if options.in_flight == 0 || options.attempts == 0 {
        ("no request allowed".into(), "allow at least one request at a time and one attempt")
    } else if options.streams.is_empty() || options.lanes.is_empty() {
        ("nothing to post to".into(), "name at least one stream and one lane")
    } else {
        return Ok(());
    };
    Err(SourceError::Emulator { problem, hint: hint.into() })
}
