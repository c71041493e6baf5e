//! A keep-alive connection with one request under way at a time, as lean as it gets: the generator shares its cores with the
//! server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

const LONGEST_HEAD: usize = 16 << 10;

/// One client.
pub(crate) struct Connection {
    socket: TcpStream,
    /// How much of the request has been sent; `None` while no request is under way.
    sent: Option<usize>,
    head: Vec<u8>,
    reply: Reply,
}

#[derive(Clone, Copy)]
enum Reply {
    Head,
    Body { status: u16, left: usize },
}

impl Connection {
    /// Connects, and has itself woken by `token`.
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let socket = std::net::TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { socket, sent: None, head: Vec::with_capacity(LONGEST_HEAD), reply: Reply::Head })
    }

    /// Whether it waits for a request.
    pub(crate) fn is_free(&self) -> bool {
        self.sent.is_none()
    }

    /// Begins to send a request; the connection is free.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.sent = Some(0);
        self.go_on(request)
    }

    /// Sends as much of the request as the socket takes.
    pub(crate) fn go_on(&mut self, request: &[u8]) -> io::Result<()> {
        let Some(sent) = &mut self.sent else { return Ok(()) };
        while *sent < request.len() {
            match self.socket.write(&request[*sent..]) {
                Ok(bytes) => *sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come; the reply's status once all of it is there, and the connection is free again.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<u16>> {
        loop {
            let received = match self.socket.read(buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")),
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if let Some(status) = self.take(&buffer[..received])? {
                // Nothing else can follow, so the socket is not asked again.
                self.sent = None;
                return Ok(Some(status));
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<Option<u16>> {
        let (status, left) = match self.reply {
            Reply::Body { status, left } => (status, left.checked_sub(bytes.len())),
            Reply::Head => {
                self.head.extend_from_slice(bytes);
                let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else {
                    let endless = self.head.len() > LONGEST_HEAD;
                    return if endless { Err(broken("a reply's head does not end")) } else { Ok(None) };
                };
                let (status, length) = parse(&self.head[..end]).ok_or_else(|| broken("a reply has no length"))?;
                let body = self.head.len() - end - 4;
                self.head.clear();
                (status, length.checked_sub(body))
            }
        };
        let left = left.ok_or_else(|| broken("a reply is longer than it says"))?;
        self.reply = if left == 0 { Reply::Head } else { Reply::Body { status, left } };
        Ok((left == 0).then_some(status))
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

/// The status and the body's length from a reply's head.
fn parse(head: &[u8]) -> Option<(u16, usize)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    Some((status, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_status_and_length() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 12\r\ndate: x";
        assert_eq!(parse(head), Some((200, 12)));
        assert_eq!(parse(b"HTTP/1.1 404 Not Found\r\ncontent-length:0"), Some((404, 0)));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\ndate: x"), None);
        assert_eq!(parse(b"content-length: 1"), None);
    }
}
