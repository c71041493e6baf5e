//! Load on a server: one thread, many connections, prebuilt requests.
//!
//! Closed: every connection sends its next request when it has the reply. Open: requests are due at fixed times, whether or
//! not the server keeps up, and a latency counts from when the request was due, so that a stall is seen by all who had to
//! wait for it (no coordinated omission).

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::requests::Request;

/// How long the server may take for the last replies.
const DRAIN: Duration = Duration::from_secs(60);
/// How exactly the open load keeps its times; also the error of its latencies.
const TICK: Duration = Duration::from_micros(100);

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Rate {
    /// As soon as the connection is free.
    Closed,
    /// So many a second.
    Open(f64),
}

/// What is to be sent where.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The server.
    pub address: SocketAddr,
    /// Taken in turn.
    pub requests: &'a [Request],
    /// How many clients there are.
    pub connections: usize,
    /// When they send.
    pub rate: Rate,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub window: Duration,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Replies in the window, a second.
    pub requests_per_second: f64,
    /// Records of these, a second.
    pub records_per_second: f64,
    /// Bytes of these records as they are stored, a second.
    pub bytes_per_second: f64,
    /// Records that were acknowledged in all, before and after the window too.
    pub acknowledged: u64,
    /// Replies in all that were no 200.
    pub refused: u64,
    /// Of the requests that were due in the window, shortest first.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// The latency that so many of all requests had at most, as in 0.99.
    pub fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(at.saturating_sub(1).min(last)).copied().unwrap_or_default()
    }
}

impl Load<'_> {
    /// Sends the load and waits for all replies.
    ///
    /// # Errors
    /// A connection that fails, or a server that does not answer.
    pub fn run(&self) -> io::Result<Outcome> {
        let mut clients = Clients::connect(self)?;
        let last = clients.begin + self.warm_up + self.window;
        while Instant::now() < last {
            let sent = clients.send_due()?;
            let answered = clients.receive(match self.rate {
                Rate::Closed => Some(TICK * 100),
                Rate::Open(_) => Some(Duration::ZERO),
            })?;
            if matches!(self.rate, Rate::Open(_)) && !sent && !answered {
                thread::sleep(TICK.min(clients.until_due()));
            }
        }
        clients.drain(last)?;
        Ok(clients.outcome())
    }
}

/// A request under way.
#[derive(Clone, Copy)]
struct UnderWay {
    request: usize,
    due: Instant,
}

struct Clients<'a> {
    load: &'a Load<'a>,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    connections: Vec<(Connection, UnderWay)>,
    free: Vec<usize>,
    begin: Instant,
    /// How many requests were sent.
    sent: usize,
    counted: Counted,
    latencies: Vec<Duration>,
}

#[derive(Default)]
struct Counted {
    replies: u64,
    records: u64,
    bytes: u64,
    acknowledged: u64,
    refused: u64,
}

impl<'a> Clients<'a> {
    fn connect(load: &'a Load<'a>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let begin = Instant::now();
        let open = |number| {
            let connection = Connection::open(load.address, poll.registry(), Token(number))?;
            Ok((connection, UnderWay { request: 0, due: begin }))
        };
        let connections = (0..load.connections).map(open).collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            load,
            poll,
            events: Events::with_capacity(load.connections),
            buffer: vec![0; 64 << 10],
            free: (0..connections.len()).collect(),
            connections,
            begin: Instant::now(),
            sent: 0,
            counted: Counted::default(),
            latencies: Vec::new(),
        })
    }

    /// When the next request is due.
    fn due(&self) -> Instant {
        match self.load.rate {
            Rate::Closed => self.begin,
            Rate::Open(rate) => self.begin + Duration::from_secs_f64(self.sent as f64 / rate),
        }
    }

    fn until_due(&self) -> Duration {
        self.due().saturating_duration_since(Instant::now())
    }

    /// Sends what is due on the connections that are free; whether there was something.
    fn send_due(&mut self) -> io::Result<bool> {
        let before = self.sent;
        while let Some(&number) = self.free.last() {
            let now = Instant::now();
            let due = match self.load.rate {
                Rate::Closed => now,
                Rate::Open(_) => self.due(),
            };
            if due > now {
                break;
            }
            self.free.pop();
            let request = self.sent % self.load.requests.len();
            self.sent += 1;
            let (connection, under_way) = &mut self.connections[number];
            *under_way = UnderWay { request, due };
            connection.send(&self.load.requests[request].bytes)?;
        }
        Ok(self.sent > before)
    }

    /// Takes the replies that are there, waiting for the first; whether there was one.
    fn receive(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let mut answered = false;
        for event in &self.events {
            let number = event.token().0;
            let (connection, under_way) = &mut self.connections[number];
            if connection.is_free() {
                continue;
            }
            let request = &self.load.requests[under_way.request];
            if event.is_writable() {
                connection.go_on(&request.bytes)?;
            }
            let Some(status) = connection.receive(&mut self.buffer)? else { continue };
            answered = true;
            self.free.push(number);
            let (now, counts_from) = (Instant::now(), self.begin + self.load.warm_up);
            let window = counts_from..counts_from + self.load.window;
            self.counted.add(request, status, window.contains(&now));
            if status == 200 && window.contains(&under_way.due) {
                self.latencies.push(now - under_way.due);
            }
        }
        Ok(answered)
    }

    /// Waits for the replies that are out.
    fn drain(&mut self, since: Instant) -> io::Result<()> {
        while self.free.len() < self.connections.len() {
            if since.elapsed() > DRAIN {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"));
            }
            self.receive(Some(TICK * 100))?;
        }
        Ok(())
    }

    fn outcome(mut self) -> Outcome {
        self.latencies.sort_unstable();
        let rate = |count: u64| count as f64 / self.load.window.as_secs_f64();
        Outcome {
            requests_per_second: rate(self.counted.replies),
            records_per_second: rate(self.counted.records),
            bytes_per_second: rate(self.counted.bytes),
            acknowledged: self.counted.acknowledged,
            refused: self.counted.refused,
            latencies: self.latencies,
        }
    }
}

impl Counted {
    fn add(&mut self, request: &Request, status: u16, in_window: bool) {
        if status != 200 {
            self.refused += 1;
            return;
        }
        self.acknowledged += request.records as u64;
        if in_window {
            self.replies += 1;
            self.records += request.records as u64;
            self.bytes += request.stored_bytes as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_latency_that_so_many_had_at_most() {
        let latencies = (1..=200).map(Duration::from_millis).collect();
        let outcome = Outcome { latencies, ..Outcome::default() };
        for (share, millis) in [(0.5, 100), (0.99, 198), (1.0, 200), (0.0, 1)] {
            assert_eq!(outcome.percentile(share), Duration::from_millis(millis));
        }
        assert_eq!(Outcome::default().percentile(0.99), Duration::ZERO);
    }
}
