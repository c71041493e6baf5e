//! The canonical form of a request: what is signed.

use sha2::{Digest, Sha256};

use super::SignedRequest;
use super::authorization::SIGNATURE;

/// The canonical form.
pub(super) fn canonical_request(request: &SignedRequest<'_>, signed_headers: &[String]) -> String {
    let headers: String = signed_headers.iter().map(|name| header_line(request, name)).collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        request.method,
        canonical_path(request.path),
        canonical_query(request.query),
        signed_headers.join(";"),
        hex(&Sha256::digest(request.body))
    )
}

fn header_line(request: &SignedRequest<'_>, name: &str) -> String {
    let values: Vec<String> =
        request.header(name).map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
    format!("{name}:{}\n", values.join(","))
}

/// The path without empty and dot segments, escaped once more than it came.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let ends_in_slash = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    let escaped: Vec<String> = segments.iter().map(|segment| escape(segment.as_bytes())).collect();
    let end = if ends_in_slash && !escaped.is_empty() { "/" } else { "" };
    format!("/{}{end}", escaped.join("/"))
}

/// The parameters, sorted, without the signature itself.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (escape(&percent_decoded(name)), escape(&percent_decoded(value)))
        })
        .filter(|(name, _)| name != SIGNATURE)
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Everything but RFC 3986's unreserved characters as `%` and two hex digits in capitals.
fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(*byte)),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Undoes percent escapes. A `%` without two hex digits stays.
pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Hex digits in small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_made_canonical() {
        for (path, canonical) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/a//b/./c/../d", "/a/b/d"),
            ("/a/", "/a/"),
            ("/./", "/"),
            ("/example/..", "/"),
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%2520b"),
        ] {
            assert_eq!(canonical_path(path), canonical, "{path}");
        }
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a", "a="),
            ("a=2&a=1&A=3", "A=3&a=1&a=2"),
            ("a=%2f+&X-Amz-Signature=x", "a=%2F%2B"),
        ] {
            assert_eq!(canonical_query(query), canonical, "{query}");
        }
    }
}
