//! How a record stands in an object. Nothing is lost: what is no line of JSON text is framed.

use serde::de::IgnoredAny;

use crate::ObjectKind;

/// The length that stands for null in a `.raw` object.
pub(crate) const NULL: u32 = u32::MAX;

/// The bytes of a length in a `.raw` object.
pub(crate) const LENGTH_BYTES: usize = 4;

/// The kind of object that `value` belongs in.
pub(crate) fn kind_of(value: Option<&[u8]>) -> ObjectKind {
    // UTF-8 first: skipping a value does not look into its strings.
    let is_json =
        value.and_then(|v| std::str::from_utf8(v).ok()).is_some_and(|v| serde_json::from_str::<IgnoredAny>(v).is_ok());
    if is_json { ObjectKind::Json } else { ObjectKind::Raw }
}

/// The bytes that `value` takes in an object of `kind`.
pub(crate) fn encoded_size(kind: ObjectKind, value: Option<&[u8]>) -> usize {
    let framing = match kind {
        ObjectKind::Json => 1,
        // Of a Parquet object nobody knows beforehand; it is not far from that.
        ObjectKind::Raw | ObjectKind::Parquet => LENGTH_BYTES,
    };
    framing + value.map_or(0, <[u8]>::len)
}

/// Appends `value` to an object of `kind`, which is the one that [`kind_of`] gave. Parquet has frames only where it is read.
pub(crate) fn append(kind: ObjectKind, value: Option<&[u8]>, object: &mut Vec<u8>) {
    match (kind, value) {
        (ObjectKind::Json, value) => append_line(value.unwrap_or_default(), object),
        (ObjectKind::Raw | ObjectKind::Parquet, None) => object.extend_from_slice(&NULL.to_be_bytes()),
        (ObjectKind::Raw | ObjectKind::Parquet, Some(value)) => {
            let length = u32::try_from(value.len()).expect("a log takes no record of 4 GiB");
            object.extend_from_slice(&length.to_be_bytes());
            object.extend_from_slice(value);
        }
    }
}

/// A JSON text has raw line breaks between its tokens only, where a space means the same.
fn append_line(value: &[u8], object: &mut Vec<u8>) {
    let start = object.len();
    object.extend_from_slice(value);
    let line = object.get_mut(start..).unwrap_or_default();
    if memchr::memchr2(b'\n', b'\r', line).is_some() {
        line.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
    }
    object.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_texts_are_lines() {
        for text in ["{}", " [1,\n2]\r\n", "null", "7", r#""a\nb""#, r#"{"a":"\ud800"}"#, "1e999"] {
            assert_eq!(kind_of(Some(text.as_bytes())), ObjectKind::Json, "{text:?}");
        }
        assert_eq!(kind_of(Some("[".repeat(100_000).as_bytes())), ObjectKind::Raw);
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(kind_of(Some(deep.as_bytes())), ObjectKind::Json, "depth alone is no fault");
    }

    #[test]
    fn everything_else_is_framed() {
        let broken: [&[u8]; 8] = [b"", b" ", b"\n", b"{", b"{}{}", b"\"a\nb\"", b"\"\xff\"", b"\xef\xbb\xbf{}"];
        for bytes in broken {
            assert_eq!(kind_of(Some(bytes)), ObjectKind::Raw, "{bytes:?}");
        }
        assert_eq!(kind_of(None), ObjectKind::Raw);
    }

    #[test]
    fn the_size_is_known_beforehand() {
        for value in [None, Some(b"".as_slice()), Some(b"{\n}"), Some(b"\xff")] {
            let kind = kind_of(value);
            let mut object = Vec::new();
            append(kind, value, &mut object);
            assert_eq!(object.len(), encoded_size(kind, value));
        }
    }

    #[test]
    fn line_breaks_between_tokens_become_spaces() {
        let mut object = Vec::new();
        append(ObjectKind::Json, Some(b"{\"a\":\r\n1}\r"), &mut object);
        assert_eq!(object, b"{\"a\":  1} \n");
    }
}
