//! How an answer looks: what a client may ask for, and what it is called.

use axum::http::StatusCode;
use serde::Deserialize;

use super::error::SqlError;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A list of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// RFC 4180 with a header line and `\n`; an empty field is null, `""` an empty text.
    Csv,
    /// A stream of Arrow IPC.
    Arrow,
    /// A list a line: first the columns with their types, then the values of each row. Columns may share a name.
    Rows,
}

impl Format {
    /// In the order of preference, where a client does not care.
    const ALL: [Self; 5] = [Self::Json, Self::Ndjson, Self::Csv, Self::Arrow, Self::Rows];

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Rows => "application/vnd.pinflow.rows+ndjson",
        }
    }

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            other => other.media_type(),
        }
    }

    /// The form that an `Accept` header likes best (RFC 9110, 12.5.1).
    ///
    /// # Errors
    /// 406 where it likes none.
    pub fn accepted(accept: Option<&str>) -> Result<Self, SqlError> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Self::Json) };
        let ranges: Vec<(&str, f32)> = accept.split(',').filter_map(range).collect();
        let liked = Self::ALL.map(|format| (format, format.quality(&ranges)));
        // Of equals the first.
        let best = liked.into_iter().rev().filter(|(_, quality)| *quality > 0.0).max_by(|a, b| a.1.total_cmp(&b.1));
        best.map(|(format, _)| format).ok_or_else(|| {
            let known = Self::ALL.map(|format| format!("`{}`", format.media_type())).join(", ");
            SqlError::new(StatusCode::NOT_ACCEPTABLE, format!("there is no answer in `{accept}`"))
                .hint(format!("accept one of {known}"))
        })
    }

    /// What the most specific range that fits says.
    fn quality(self, ranges: &[(&str, f32)]) -> f32 {
        let (kind, _) = self.media_type().split_once('/').unwrap_or_default();
        let specificity = |range: &str| match range {
            "*/*" => Some(0),
            _ if range.strip_suffix("/*").is_some_and(|wanted| wanted.eq_ignore_ascii_case(kind)) => Some(1),
            _ if self.is(range) => Some(2),
            _ => None,
        };
        let fitting = ranges.iter().filter_map(|(range, quality)| Some((specificity(range)?, *quality)));
        fitting.max_by_key(|(specificity, _)| *specificity).map_or(0.0, |(_, quality)| quality)
    }

    fn is(self, media_type: &str) -> bool {
        let also: &[&str] = match self {
            Self::Ndjson => &["application/ndjson", "application/jsonl"],
            _ => &[],
        };
        also.iter().chain(&[self.media_type()]).any(|known| known.eq_ignore_ascii_case(media_type))
    }
}

/// `text/csv;q=0.5`: what is accepted, and how gladly.
fn range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let quality =
        parts.filter_map(|parameter| parameter.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let quality = quality.map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0));
    Some((range, quality))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_best_liked_form_is_chosen() {
        for (accept, format) in [
            (None, Format::Json),
            (Some(""), Format::Json),
            (Some("*/*"), Format::Json),
            (Some("text/*, application/json;q=0.5"), Format::Csv),
            (Some("application/vnd.apache.arrow.stream, */*;q=0.1"), Format::Arrow),
            (Some("application/json;q=0, */*"), Format::Ndjson),
            (Some("TEXT/CSV; charset=utf-8"), Format::Csv),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Format::Json),
            (Some("application/jsonl"), Format::Ndjson),
        ] {
            assert_eq!(Format::accepted(accept).unwrap(), format, "{accept:?}");
        }
        for accept in ["text/html", "application/json;q=0", ",", "image/*"] {
            assert!(Format::accepted(Some(accept)).is_err(), "{accept}");
        }
    }
}
