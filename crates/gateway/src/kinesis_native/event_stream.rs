//! Event streams (`application/vnd.amazon.eventstream`): the reply of SubscribeToShard.
//!
//! A message is its length, the length of its headers, a checksum of both, headers, payload, and a checksum of everything.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use serde::Serialize;
use serde_json::json;

use super::format::Format;
use crate::kinesis::{KinesisError, Subscription, SubscriptionEvent};

/// Lengths and checksums around headers and payload.
const FRAME_BYTES: usize = 16;
const STRING: u8 = 7;

/// Which message comes next.
enum Next {
    InitialResponse,
    Event,
}

/// A reply that goes on until the subscription is over.
pub(super) fn response(format: Format, subscription: Subscription) -> Response {
    let messages = stream::unfold((subscription, Next::InitialResponse), move |(mut subscription, next)| async move {
        let message = match next {
            Next::InitialResponse => event(format, "initial-response", &json!({})),
            Next::Event => match subscription.next().await? {
                Ok(pushed) => event::<SubscriptionEvent>(format, "SubscribeToShardEvent", &pushed),
                Err(refusal) => exception(format, &refusal),
            },
        };
        Some((Ok::<_, std::convert::Infallible>(message), (subscription, Next::Event)))
    });
    let content_type = HeaderValue::from_static("application/vnd.amazon.eventstream");
    ([(CONTENT_TYPE, content_type)], Body::from_stream(messages)).into_response()
}

fn event<T: Serialize>(format: Format, kind: &str, payload: &T) -> Bytes {
    let headers = [(":message-type", "event"), (":event-type", kind), (":content-type", format.content_type())];
    message(&headers, &format.encode(payload))
}

fn exception(format: Format, refusal: &KinesisError) -> Bytes {
    // The model names this one as an exception, unlike the same error of a reply.
    let kind = if refusal.status().is_server_error() { "InternalFailureException" } else { refusal.kind() };
    let headers = [(":message-type", "exception"), (":exception-type", kind), (":content-type", format.content_type())];
    message(&headers, &format.encode(&json!({"message": refusal.to_string()})))
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let headers_length: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let length = |bytes: usize| u32::try_from(bytes).expect("an event is far smaller than 4 GiB");
    let mut message = BytesMut::with_capacity(FRAME_BYTES + headers_length + payload.len());
    message.put_u32(length(FRAME_BYTES + headers_length + payload.len()));
    message.put_u32(length(headers_length));
    message.put_u32(crc32fast::hash(&message));
    for (name, value) in headers {
        message.put_u8(u8::try_from(name.len()).expect("the names of headers are short"));
        message.put_slice(name.as_bytes());
        message.put_u8(STRING);
        message.put_u16(u16::try_from(value.len()).expect("the values of headers are short"));
        message.put_slice(value.as_bytes());
    }
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_that_of_the_specification() {
        // The example without headers and payload, and one with a header, from the format's description.
        assert_eq!(message(&[], b"").as_ref(), b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff");
        let one = message(&[("event-type", "x")], b"{'foo':'bar'}");
        assert_eq!(one[..4], (16 + 15 + 13_u32).to_be_bytes());
        assert_eq!(one[4..8], 15_u32.to_be_bytes());
        assert_eq!(one[8..12], crc32fast::hash(&one[..8]).to_be_bytes());
        assert_eq!(&one[12..27], b"\x0aevent-type\x07\x00\x01x");
        assert_eq!(&one[27..40], b"{'foo':'bar'}");
        assert_eq!(one[40..], crc32fast::hash(&one[..40]).to_be_bytes());
    }
}
