//! `POST .../topics/{topic}/records`: any number of records on one request, each answered as soon as it is in the log.
//!
//! Reading and writing are interleaved: a client may keep the request open and read the replies to what it has sent. While
//! the log stores some records, the next ones are read; they are appended together once it is done, so that a fast client
//! shares an fsync among many records and their order is kept. What a stream holds is bounded: a record that is not complete,
//! the records that are being stored, and as many that wait. A client that does not read its replies is not read from. A client may
//! pause between records for long, within one it may not.
//!
//! Everything is driven by the reply's body: when the client has gone, the server drops that, and with it all that waits.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep, sleep_until};

use super::failure::RecordFailure;
use super::record::{ProduceRecord, RecordMembers};
use super::reply::write_streamed;
use super::splitter::{Piece, Splitter};
use super::{Decoded, Outcome, Producer};
use crate::body::{BodyError, BodyShare, Encoding};
use crate::dialect::Call;
use crate::json::{self, JsonError, Object};
use crate::kafka_rest::media_type::PLAIN_JSON;
use crate::kafka_rest::partitioner::StickyPartitioner;
use crate::kafka_rest::v3::body;
use crate::kafka_rest::v3::error::V3Error;

/// The most records, and the most bytes of JSON, that wait while others are stored.
const MAX_WAITING_RECORDS: usize = 1_000;
const MAX_WAITING_BYTES: usize = 1 << 20;

/// How long a client's bytes are still taken, and thrown away, after the last reply: a connection that is closed on unread
/// bytes is reset, and that reply would be lost.
const GRACE: Duration = Duration::from_millis(500);

/// Produces the records of a request for as long as they come.
///
/// # Errors
/// [`V3Error`] for the request as a whole: its type, a caller without the right, a body without any record.
pub(in crate::kafka_rest::v3) async fn produce(
    sticky: &Arc<StickyPartitioner>,
    call: &Call,
    body: Body,
    cluster: &str,
    topic: &str,
) -> Result<Response, V3Error> {
    body::check_type(&call.headers)?;
    refuse_compression(&call.headers)?;
    let charset = Charset::of(&call.headers)?;
    let producer = Arc::new(Producer::new(call, sticky, cluster, topic)?);
    let settings = &call.backend.settings;
    let mut input = body.into_data_stream();
    let mut splitter = Splitter::new(settings.max_body_bytes);
    // Not the call's own share: that is given back when this returns, before the records have come.
    let share = BodyShare::of(&call.backend.bodies);
    // The status depends on whether there is anything at all.
    while !splitter.has_begun() {
        match input.next().await {
            Some(Ok(chunk)) => {
                share.take(chunk.len())?;
                splitter.push(&chunk);
            }
            Some(Err(broken)) => return Err(BodyError::from(broken).into()),
            None => return Err(V3Error::Payload("Request body is empty. Data is required.")),
        }
    }
    let records = Records {
        producer,
        charset,
        input,
        splitter,
        share,
        waiting: Vec::new(),
        waiting_bytes: 0,
        stored: None,
        time_limit: Box::pin(tokio::time::sleep(settings.max_stream_duration)),
        owed_since: Instant::now(),
        phase: Phase::Reading,
    };
    let replies = stream::unfold(records, async |mut records| {
        let replies = records.next_replies().await?;
        Some((Ok::<_, Infallible>(replies), records))
    });
    let media_type = HeaderValue::from_static(PLAIN_JSON);
    Ok(([(CONTENT_TYPE, media_type)], Body::from_stream(replies)).into_response())
}

/// Records that come one by one would have to be inflated one by one: whoever compresses sends a batch.
fn refuse_compression(headers: &HeaderMap) -> Result<(), V3Error> {
    match Encoding::of(headers)? {
        Encoding::Identity => Ok(()),
        Encoding::Gzip => Err(BodyError::UnknownEncoding("gzip".to_owned()).into()),
    }
}

/// How the request's text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    fn of(headers: &HeaderMap) -> Result<Self, V3Error> {
        let parameters = body::content_type(headers).unwrap_or_default().split(';').skip(1);
        let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
        let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let charset = charset.map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
        match charset.as_deref() {
            None | Some("utf-8") => Ok(Self::Utf8),
            Some("iso-8859-1") => Ok(Self::Latin1),
            Some(other) => Err(V3Error::bad_request(format!(
                "Unsupported charset in Content-Type: {other}. Send UTF-8 or ISO-8859-1."
            ))),
        }
    }

    fn decode(self, bytes: Bytes) -> Bytes {
        match self {
            Self::Latin1 if !bytes.is_ascii() => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
            _ => bytes,
        }
    }
}

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Records are read.
    Reading,
    /// None is read any more; what waits is still stored.
    Finishing {
        /// The client may still be sending.
        cut_off: bool,
    },
}

/// The records of one request, on their way into the log.
struct Records {
    producer: Arc<Producer>,
    charset: Charset,
    input: BodyDataStream,
    splitter: Splitter,
    /// What the bytes in the splitter and the waiting records have of the memory for bodies.
    share: BodyShare,
    /// What was read while others were being stored, in order.
    waiting: Vec<Decoded>,
    waiting_bytes: usize,
    /// The outcomes of those that are being stored.
    stored: Option<BoxFuture<'static, Vec<Outcome>>>,
    time_limit: Pin<Box<Sleep>>,
    /// Since when the client owes what comes next: the rest of a record, or the next one.
    owed_since: Instant,
    phase: Phase,
}

impl Records {
    /// The replies to the next records; `None` when there are no more.
    async fn next_replies(&mut self) -> Option<Bytes> {
        loop {
            self.take_pieces();
            if self.stored.is_none() && !self.waiting.is_empty() {
                self.store_waiting();
            }
            let reading = self.phase == Phase::Reading;
            if self.stored.is_none() && !reading {
                self.part().await;
                return None;
            }
            let has_room = self.has_room();
            let patience = self.patience();
            tokio::select! {
                biased;
                outcomes = outcomes(&mut self.stored) => {
                    self.stored = None;
                    self.owed_since = Instant::now();
                    return Some(self.replies(&outcomes));
                }
                () = &mut self.time_limit, if reading => self.cut_off(RecordFailure::open_for_too_long()),
                () = sleep_until(patience), if reading && has_room => {
                    self.cut_off(RecordFailure::open_for_too_long());
                }
                chunk = self.input.next(), if reading && has_room => match chunk {
                    Some(Ok(chunk)) => match self.share.take(chunk.len()) {
                        Ok(()) => self.push(&chunk),
                        Err(_) => self.cut_off(RecordFailure::overloaded()),
                    },
                    Some(Err(broken)) => self.break_off(broken.into()),
                    None => self.end_of_input(),
                },
            }
        }
    }

    /// Until when the client has time for what it owes.
    fn patience(&self) -> Instant {
        let settings = &self.producer.backend.settings;
        let time = if self.splitter.has_begun() { settings.stream_record_time } else { settings.stream_idle_time };
        self.owed_since.checked_add(time).unwrap_or_else(|| self.time_limit.deadline())
    }

    fn push(&mut self, chunk: &[u8]) {
        if !self.splitter.has_begun() {
            self.owed_since = Instant::now();
        }
        self.splitter.push(chunk);
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING_RECORDS && self.waiting_bytes < MAX_WAITING_BYTES
    }

    /// Makes records of what has come in, for as long as there is room for them.
    fn take_pieces(&mut self) {
        while self.phase == Phase::Reading && self.has_room() {
            let Some(piece) = self.splitter.next() else { return };
            self.owed_since = Instant::now();
            self.take(piece);
        }
    }

    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Value(value) => {
                self.waiting_bytes += value.len();
                match parse(&self.charset.decode(value)) {
                    Ok(record) => self.waiting.push(Ok(record)),
                    Err(Unreadable::Record(failure)) => self.waiting.push(Err(failure)),
                    Err(Unreadable::Stream(failure)) => self.cut_off(failure),
                }
            }
            Piece::TooLarge => {
                let limit = self.producer.backend.settings.max_body_bytes;
                self.waiting.push(Err(RecordFailure::object_too_large(limit)));
            }
            Piece::Misplaced(byte) => {
                let reason = format!("unexpected `{}` where no value begins or ends", byte.escape_ascii());
                self.cut_off(RecordFailure::not_a_record(reason));
            }
        }
    }

    /// Answers once more, and reads no further.
    fn cut_off(&mut self, failure: RecordFailure) {
        self.waiting.push(Err(failure));
        self.phase = Phase::Finishing { cut_off: true };
    }

    /// The client stopped sending, or has gone.
    fn break_off(&mut self, why: BodyError) {
        if let BodyError::TimedOut = why {
            return self.cut_off(RecordFailure::open_for_too_long());
        }
        tracing::debug!("a stream of records broke off: {why}");
        self.phase = Phase::Finishing { cut_off: false };
    }

    fn end_of_input(&mut self) {
        if let Some(piece) = self.splitter.finish() {
            self.take(piece);
        }
        self.phase = Phase::Finishing { cut_off: false };
    }

    fn store_waiting(&mut self) {
        let producer = Arc::clone(&self.producer);
        let records = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let share = std::mem::replace(&mut self.share, BodyShare::of(&producer.backend.bodies));
        self.stored = Some(Box::pin(async move {
            let outcomes = producer.produce(records).await;
            drop(share);
            outcomes
        }));
        // What is not a whole record yet stays, and the share that it was taken from goes with those that are.
        if self.phase == Phase::Reading && self.share.take(self.splitter.held()).is_err() {
            self.cut_off(RecordFailure::overloaded());
        }
    }

    fn replies(&self, outcomes: &[Outcome]) -> Bytes {
        let mut text = Vec::with_capacity(256 * outcomes.len());
        outcomes.iter().for_each(|outcome| write_streamed(&mut text, &self.producer, outcome));
        text.into()
    }

    /// Throws away what a client that was cut off still sends, for a while.
    async fn part(&mut self) {
        if self.phase == (Phase::Finishing { cut_off: true }) {
            let rest = async { while let Some(Ok(_)) = self.input.next().await {} };
            drop(tokio::time::timeout(GRACE, rest).await);
        }
    }
}

/// The outcomes of what is being stored; never, where nothing is.
async fn outcomes<T>(stored: &mut Option<BoxFuture<'static, T>>) -> T {
    match stored {
        Some(stored) => stored.await,
        None => pending().await,
    }
}

/// Why a value is no record.
enum Unreadable {
    /// It alone is not: what follows is read.
    Record(RecordFailure),
    /// It is no JSON, so that nobody knows what follows.
    Stream(RecordFailure),
}

fn parse(value: &Bytes) -> Result<ProduceRecord, Unreadable> {
    let record = match json::parse::<Option<Object<RecordMembers<'_>>>>(value) {
        Ok(Some(Object(record))) => record,
        Ok(None) => return Err(Unreadable::Record(RecordFailure::null())),
        Err(failure) => {
            let reason = RecordFailure::not_a_record(failure.to_string());
            let is_json = matches!(failure, JsonError::Parse(_)) && json::parse::<&RawValue>(value).is_ok();
            return Err(if is_json { Unreadable::Record(reason) } else { Unreadable::Stream(reason) });
        }
    };
    if let Some(name) = record.unrecognized() {
        return Err(Unreadable::Record(RecordFailure::not_a_record(format!("Unrecognized field \"{name}\""))));
    }
    record.decode(value).map_err(Unreadable::Record)
}
