//! Media types of Kafka REST v2, and what a client accepts.

use axum::http::header::{ACCEPT, HeaderMap, HeaderValue};

/// The type of v2 replies.
pub(crate) const V2: &str = "application/vnd.kafka.v2+json";
/// Plain JSON: the type of errors to clients without a wish.
pub(crate) const PLAIN_JSON: &str = "application/json";

/// How keys and values stand in a v2 request.
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
        "application/vnd.kafka.json.v2+json" => Some(EmbeddedFormat::Json),
        "application/vnd.kafka.binary.v2+json" => Some(EmbeddedFormat::Binary),
        "application/vnd.kafka.avro.v2+json"
        | "application/vnd.kafka.jsonschema.v2+json"
        | "application/vnd.kafka.protobuf.v2+json" => Some(EmbeddedFormat::Schema),
        PLAIN_JSON if plain_json => Some(EmbeddedFormat::Json),
        _ => None,
    }
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
