//! The requests of the original clients: Kafka REST v2 on the batch lane, the API Gateway form of Kinesis on the stream
//! lane. Bodies are put together from the events' bytes; no JSON tree is built.

use std::sync::Arc;

use bytes::Bytes;
use pinflow_pipeline::Lane;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};

use super::EmulatorOptions;
use crate::draw::{Draw, Event};
use crate::error::SourceError;

/// Where the events of a stream go on a lane, and in which shape.
#[derive(Debug)]
pub(super) struct Route {
    pub lane: Lane,
    pub stream: Arc<str>,
    shape: Shape,
    method: Method,
    url: Url,
    content_type: HeaderValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// `{"records":[{"value":...}]}`
    Kafka,
    /// `{"StreamName":...,"Data":...,"PartitionKey":...}`; holds what stands before the data.
    KinesisRecord { opening: String },
    /// `{"records":[{"data":"...","partition-key":...}]}`, where the data is the event's text: the template in AWS's
    /// tutorial stores an object as something that is no JSON.
    KinesisRecords,
}

/// Events that go in one request.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of the route.
    pub route: usize,
    pub events: Vec<Event>,
}

/// The routes of all streams on all lanes.
pub(super) fn routes(options: &EmulatorOptions) -> Result<Vec<Route>, SourceError> {
    let base = options.base_url.trim_end_matches('/');
    let mut routes = Vec::new();
    for lane in &options.lanes {
        for target in &options.streams {
            let (shape, method, path, content_type) = match lane {
                Lane::Batch => {
                    let path = format!("topics/{}", target.batch_topic);
                    (Shape::Kafka, Method::POST, path, "application/vnd.kafka.json.v2+json")
                }
                Lane::Stream if options.batch == 1 => {
                    let name = serde_json::Value::from(target.stream_topic.as_str());
                    let opening = format!("{{\"StreamName\":{name},\"Data\":");
                    let path = format!("streams/{}/record", target.stream_topic);
                    (Shape::KinesisRecord { opening }, Method::PUT, path, "application/json")
                }
                Lane::Stream => {
                    let path = format!("streams/{}/records", target.stream_topic);
                    (Shape::KinesisRecords, Method::PUT, path, "application/json")
                }
            };
            routes.push(Route {
                lane: *lane,
                stream: target.name.as_str().into(),
                shape,
                method,
                url: http_url(&format!("{base}/{path}"))?,
                content_type: HeaderValue::from_static(content_type),
            });
        }
    }
    Ok(routes)
}

fn http_url(text: &str) -> Result<Url, SourceError> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| SourceError::Emulator {
        problem: format!("`{text}` is no HTTP address"),
        hint: "give the gateway's address, as in `http://127.0.0.1:8080` or `https://gateway.example.com/dev`".into(),
    })
}

impl Route {
    /// The request that posts `events`.
    pub(super) fn request(&self, events: &[Event]) -> Request {
        let mut request = Request::new(self.method.clone(), self.url.clone());
        request.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
        *request.body_mut() = Some(self.body(events).into());
        request
    }

    /// Whether replies are those of Kafka REST.
    pub(super) fn is_kafka(&self) -> bool {
        self.shape == Shape::Kafka
    }

    fn body(&self, events: &[Event]) -> Bytes {
        let size: usize = events.iter().map(|event| event.json.len() + event.link.len() + 64).sum();
        let mut body = Vec::with_capacity(size + 128);
        match &self.shape {
            Shape::Kafka => {
                body.extend_from_slice(b"{\"records\":[");
                for (index, event) in events.iter().enumerate() {
                    body.extend_from_slice(if index == 0 { b"{\"value\":" } else { b",{\"value\":" });
                    body.extend_from_slice(&event.json);
                    body.push(b'}');
                }
                body.extend_from_slice(b"]}");
            }
            Shape::KinesisRecord { opening } => {
                for event in events {
                    body.extend_from_slice(opening.as_bytes());
                    body.extend_from_slice(&event.json);
                    body.extend_from_slice(b",\"PartitionKey\":");
                    write_text(event.link.as_bytes(), &mut body);
                    body.push(b'}');
                }
            }
            Shape::KinesisRecords => {
                body.extend_from_slice(b"{\"records\":[");
                for (index, event) in events.iter().enumerate() {
                    body.extend_from_slice(if index == 0 { b"{\"data\":" } else { b",{\"data\":" });
                    write_text(&event.json, &mut body);
                    body.extend_from_slice(b",\"partition-key\":");
                    write_text(event.link.as_bytes(), &mut body);
                    body.push(b'}');
                }
                body.extend_from_slice(b"]}");
            }
        }
        body.into()
    }
}

fn write_text(text: &[u8], body: &mut Vec<u8>) {
    serde_json::to_writer(body, &String::from_utf8_lossy(text)).expect("a vector takes every write");
}

/// Gathers events until a request is full.
#[derive(Debug)]
pub(super) struct Batcher {
    routes: Arc<[Route]>,
    size: usize,
    /// The events that wait, for each route.
    waiting: Vec<Vec<Event>>,
}

impl Batcher {
    pub(super) fn new(routes: Arc<[Route]>, size: usize) -> Self {
        let waiting = routes.iter().map(|_| Vec::new()).collect();
        Self { routes, size, waiting }
    }

    /// Takes the events of `draw` on every lane, and returns the requests that are full by that. Events of streams that
    /// have no route go nowhere.
    pub(super) fn add(&mut self, draw: Draw) -> Vec<Batch> {
        let mut full = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            for event in draw.events.iter().filter(|event| event.stream == route.stream) {
                let events = &mut self.waiting[index];
                events.push(event.clone());
                if events.len() == self.size {
                    full.push(Batch { route: index, events: std::mem::take(events) });
                }
            }
        }
        full
    }

    /// The requests that did not get full.
    pub(super) fn rest(&mut self) -> Vec<Batch> {
        let waiting = self.waiting.iter_mut().enumerate();
        waiting
            .map(|(route, events)| Batch { route, events: std::mem::take(events) })
            .filter(|b| !b.events.is_empty())
            .collect()
    }
}
