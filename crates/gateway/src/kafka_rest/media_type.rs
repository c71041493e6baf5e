//! Media types of Kafka REST v2, and what a client accepts.

use axum::http::header::{ACCEPT, HeaderMap, HeaderValue};

/// The type of v2 replies.
pub(crate) const V2: &str = "application/vnd.kafka.v2+json";
/// Plain JSON: the type of errors to clients without a wish.
pub(crate) const PLAIN_JSON: &str = "application/json";

/// Keys and values as base64.
pub(crate) const BINARY: &str = "application/vnd.kafka.binary.v2+json";
/// Keys and values as JSON.
pub(crate) const JSON: &str = "application/vnd.kafka.json.v2+json";
/// The types whose keys and values need a schema registry.
pub(crate) const SCHEMA: [&str; 3] = [
    "application/vnd.kafka.avro.v2+json",
    "application/vnd.kafka.jsonschema.v2+json",
    "application/vnd.kafka.protobuf.v2+json",
];

/// How keys and values stand in v2 requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmbeddedFormat {
    /// As base64 of the bytes.
    Binary,
    /// As the JSON itself.
    Json,
    /// As JSON that a schema describes: Avro, JSON Schema, Protobuf.
    Schema,
}

/// The embedded format that a content type names; parameters do not count.
pub(crate) fn embedded_format(content_type: Option<&HeaderValue>, plain_json: bool) -> Option<EmbeddedFormat> {
    let essence = essence(content_type?.to_str().ok()?).to_ascii_lowercase();
    match essence.as_str() {
        JSON => Some(EmbeddedFormat::Json),
        BINARY => Some(EmbeddedFormat::Binary),
        schema if SCHEMA.contains(&schema) => Some(EmbeddedFormat::Schema),
        PLAIN_JSON if plain_json => Some(EmbeddedFormat::Json),
        _ => None,
    }
}

/// Whether a body of that type may control a consumer: any type of v2.
pub(crate) fn is_control_type(content_type: &HeaderValue, plain_json: bool) -> bool {
    let is_v2 = content_type.to_str().is_ok_and(|text| essence(text).eq_ignore_ascii_case(V2));
    is_v2 || embedded_format(Some(content_type), plain_json).is_some()
}

/// The type of a reply about a consumer: any type of v2, v2's own first.
pub(crate) fn control_reply_type(headers: &HeaderMap, plain_json: bool) -> Option<&'static str> {
    // The weights are the original's.
    let embedded = [BINARY, JSON].into_iter().chain(SCHEMA).map(|media_type| (media_type, 0.1));
    let plain = plain_json.then_some((PLAIN_JSON, 0.01));
    let offered = [(V2, 0.9)].into_iter().chain(embedded).chain(plain);
    let wanted = offered.map(|(media_type, weight)| (media_type, weight * quality(headers, media_type)));
    let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    (best.1 > 0.0).then_some(best.0)
}

/// The type of records in a format, for a client that takes it. `Err` says whether it takes another type of records.
///
/// Binary is what a client gets that names no format. Another format must be named.
pub(crate) fn records_reply_type(
    headers: &HeaderMap,
    format: EmbeddedFormat,
    plain_json: bool,
) -> Result<&'static str, RecordsRefusal> {
    let names = |media_type| names(headers, media_type);
    match format {
        EmbeddedFormat::Binary if accepts(headers, BINARY) => Ok(BINARY),
        EmbeddedFormat::Binary if accepts(headers, V2) => Ok(V2),
        EmbeddedFormat::Json if names(JSON) => Ok(JSON),
        _ if plain_json && names(PLAIN_JSON) => Ok(PLAIN_JSON),
        _ if control_reply_type(headers, plain_json).is_some() => Err(RecordsRefusal::OtherFormat),
        _ => Err(RecordsRefusal::NothingAcceptable),
    }
}

/// Why a client gets no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordsRefusal {
    /// It takes records, in another format.
    OtherFormat,
    /// It takes no type of v2.
    NothingAcceptable,
}

/// Whether the client names exactly that type, and takes it.
fn names(headers: &HeaderMap, media_type: &str) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    ranges.into_iter().any(|range| essence(range).eq_ignore_ascii_case(media_type) && quality_parameter(range) > 0.0)
}

/// Whether the client takes a reply of that type. No `Accept` takes everything.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    quality(headers, media_type) > 0.0
}

/// Whether the client would rather have HTML than JSON: a browser, not a program.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    quality(headers, "text/html") > quality(headers, PLAIN_JSON).max(quality(headers, V2))
}

/// The type for an error outside any resource: the one that the client names exactly, else plain JSON.
pub(crate) fn wished_error_type(accept: Option<&HeaderValue>) -> &'static str {
    match accept {
        Some(accept) if accept == V2 => V2,
        _ => PLAIN_JSON,
    }
}

/// How much the client wants the type, 0 to 1: the `q` of the most specific range that holds it (RFC 9110, 12.5.1).
fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return 1.0;
    }
    let main_type = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in ranges.flat_map(|v| v.split(',')) {
        let specificity = match essence(range).split_once('/') {
            _ if essence(range).eq_ignore_ascii_case(media_type) => 3,
            Some((main, "*")) if main.eq_ignore_ascii_case(main_type) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        if specificity > best.0 {
            best = (specificity, quality_parameter(range));
        }
    }
    best.1
}

/// A media type or range without its parameters.
fn essence(media_range: &str) -> &str {
    media_range.split(';').next().unwrap_or_default().trim()
}

fn quality_parameter(media_range: &str) -> f32 {
    let mut parameters = media_range.split(';').skip(1).filter_map(|p| p.split_once('='));
    let quality = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    quality.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (value, accepted) in [
            ("*/*", true),
            ("application/*", true),
            ("Application/VND.kafka.V2+json", true),
            ("application/vnd.kafka.v2+json, application/vnd.kafka+json, application/json", true),
            ("text/html, */*;q=0.1", true),
            ("application/json", false),
            ("text/*", false),
            ("application/vnd.kafka.v2+json;q=0", false),
            ("*/*, application/vnd.kafka.v2+json; q=0", false),
            ("", false),
        ] {
            assert_eq!(accepts(&accept(value), V2), accepted, "{value}");
        }
        assert!(accepts(&HeaderMap::new(), V2));
    }

    #[test]
    fn browsers_prefer_html_and_programs_do_not() {
        assert!(prefers_html(&accept("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8")));
        for program in ["*/*", "application/json, text/plain, */*", "application/json, text/html;q=0.5"] {
            assert!(!prefers_html(&accept(program)), "{program}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn a_reply_about_a_consumer_mirrors_what_the_client_wants() {
        for (value, media_type) in [
            ("*/*", Some(V2)),
            ("application/*", Some(V2)),
            (JSON, Some(JSON)),
            ("application/vnd.kafka.json.v2+json, application/vnd.kafka.v2+json", Some(V2)),
            ("application/vnd.kafka.json.v2+json, application/vnd.kafka.v2+json; q=0.1", Some(JSON)),
            ("application/json", None),
            ("application/vnd.kafka.v1+json", None),
        ] {
            assert_eq!(control_reply_type(&accept(value), false), media_type, "{value}");
        }
        assert_eq!(control_reply_type(&HeaderMap::new(), false), Some(V2));
        assert_eq!(control_reply_type(&accept("application/json"), true), Some(PLAIN_JSON));
    }

    #[test]
    fn records_come_in_the_format_of_the_instance_or_not_at_all() {
        use EmbeddedFormat::{Binary, Json};
        use RecordsRefusal::{NothingAcceptable, OtherFormat};
        for (value, format, expected) in [
            ("*/*", Binary, Ok(BINARY)),
            ("application/vnd.kafka.v2+json", Binary, Ok(V2)),
            ("application/vnd.kafka.binary.v2+json", Binary, Ok(BINARY)),
            ("application/vnd.kafka.json.v2+json", Binary, Err(OtherFormat)),
            ("application/vnd.kafka.json.v2+json", Json, Ok(JSON)),
            ("application/vnd.kafka.v2+json, application/vnd.kafka.json.v2+json;q=0.5", Json, Ok(JSON)),
            ("*/*", Json, Err(OtherFormat)),
            ("application/vnd.kafka.v2+json", Json, Err(OtherFormat)),
            ("application/vnd.kafka.avro.v2+json", Json, Err(OtherFormat)),
            ("application/json", Json, Err(NothingAcceptable)),
            ("text/html", Binary, Err(NothingAcceptable)),
        ] {
            assert_eq!(records_reply_type(&accept(value), format, false), expected, "{value} {format:?}");
        }
        assert_eq!(records_reply_type(&accept("application/json"), Json, true), Ok(PLAIN_JSON));
        assert_eq!(records_reply_type(&HeaderMap::new(), Binary, false), Ok(BINARY));
    }

    #[test]
    fn a_content_type_names_the_format_whatever_its_parameters() {
        let format = |value: &'static str| embedded_format(Some(&HeaderValue::from_static(value)), false);
        assert_eq!(format("application/vnd.kafka.json.v2+json"), Some(EmbeddedFormat::Json));
        assert_eq!(format("Application/vnd.kafka.json.v2+JSON ; charset=utf-8"), Some(EmbeddedFormat::Json));
        assert_eq!(format("application/vnd.kafka.binary.v2+json"), Some(EmbeddedFormat::Binary));
        assert_eq!(format("application/vnd.kafka.avro.v2+json"), Some(EmbeddedFormat::Schema));
        for other in
            ["application/json", V2, "application/vnd.kafka.string.v2+json", "application/vnd.kafka.json.v1+json", ""]
        {
            assert_eq!(format(other), None, "{other}");
        }
        assert_eq!(embedded_format(None, true), None);
        assert_eq!(embedded_format(Some(&HeaderValue::from_static(PLAIN_JSON)), true), Some(EmbeddedFormat::Json));
    }
}
