//! The forms that values of settings have as text: each reads one and shows it in the way that it can be read again.

/// Bytes: `64MiB`, `512KiB`, `1000`.
pub mod size {
    const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

    pub fn read<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = unit.trim_start();
        let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
        let factor = if unit.is_empty() { Some(1) } else { factor };
        let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        let fits = bytes.and_then(|bytes| T::try_from(bytes).ok());
        fits.ok_or_else(|| format!("`{text}` is no size; write bytes or a unit, as in `4096` or `64MiB`"))
    }

    pub fn show<T: Copy + TryInto<u64>>(value: &T) -> String {
        let bytes = (*value).try_into().unwrap_or(u64::MAX);
        let (name, factor) =
            UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes % factor == 0).unwrap_or(&("B", 1));
        format!("{}{name}", bytes / factor)
    }
}

/// Bytes, or `none`.
pub mod optional_size {
    pub fn read(text: &str) -> Result<Option<u64>, String> {
        if text == "none" { Ok(None) } else { super::size::read(text).map(Some) }
    }

    pub fn show(value: &Option<u64>) -> String {
        value.as_ref().map_or("none".to_owned(), super::size::show)
    }
}

/// A time span: `500ms`, `10s`, `2m`, `1h30m`, `7d`, `0`.
pub mod duration {
    use std::time::Duration;

    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    pub fn read(text: &str) -> Result<Duration, String> {
        millis(text).map(Duration::from_millis).ok_or_else(|| {
            format!("`{text}` is no time span; write a number with a unit, as in `500ms`, `2m`, `1h30m`, `7d`")
        })
    }

    fn millis(text: &str) -> Option<u64> {
        if text == "0" {
            return Some(0);
        }
        let (mut total, mut rest) = (0_u64, text);
        while !rest.is_empty() {
            let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
            let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
            rest = after;
        }
        (!text.is_empty()).then_some(total)
    }

    pub fn show(value: &Duration) -> String {
        let mut rest = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        let mut text = String::new();
        for (name, factor) in UNITS {
            if rest >= factor {
                text.push_str(&format!("{}{name}", rest / factor));
                rest %= factor;
            }
        }
        if text.is_empty() { "0ms".to_owned() } else { text }
    }
}

/// A time span, or `none`.
pub mod optional_duration {
    use std::time::Duration;

    pub fn read(text: &str) -> Result<Option<Duration>, String> {
        if text == "none" { Ok(None) } else { super::duration::read(text).map(Some) }
    }

    pub fn show(value: &Option<Duration>) -> String {
        value.as_ref().map_or("none".to_owned(), super::duration::show)
    }
}

/// A whole number.
pub mod count {
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn read<T: FromStr>(text: &str) -> Result<T, String> {
        text.parse().map_err(|_| format!("`{text}` is no whole number that fits here"))
    }

    pub fn show(value: &impl Display) -> String {
        value.to_string()
    }
}

/// A whole number, or `none`.
pub mod optional_count {
    pub fn read(text: &str) -> Result<Option<u32>, String> {
        if text == "none" { Ok(None) } else { super::count::read(text).map(Some) }
    }

    pub fn show(value: &Option<u32>) -> String {
        value.map_or("none".to_owned(), |number| number.to_string())
    }
}

/// One of a few words.
pub mod word {
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn read<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
        text.parse()
    }

    pub fn show(value: &impl Display) -> String {
        value.to_string()
    }
}

/// `true` or `false`.
pub mod boolean {
    pub fn read(text: &str) -> Result<bool, String> {
        text.parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
    }

    pub fn show(value: &bool) -> String {
        value.to_string()
    }
}

/// Any text but an empty one.
pub mod text {
    pub fn read(text: &str) -> Result<String, String> {
        if text.is_empty() { Err("the text is empty".to_owned()) } else { Ok(text.to_owned()) }
    }

    pub fn show(value: &str) -> String {
        value.to_owned()
    }
}

/// A text, or `none`.
pub mod optional_text {
    pub fn read(text: &str) -> Result<Option<String>, String> {
        if text == "none" { Ok(None) } else { super::text::read(text).map(Some) }
    }

    pub fn show(value: &Option<String>) -> String {
        value.clone().unwrap_or_else(|| "none".to_owned())
    }
}

/// A topic's name, or `none`.
pub mod optional_topic {
    use pinflow_event::TopicName;

    pub fn read(text: &str) -> Result<Option<TopicName>, String> {
        if text == "none" { Ok(None) } else { TopicName::new(text).map(Some).map_err(|error| error.to_string()) }
    }

    pub fn show(value: &Option<TopicName>) -> String {
        value.as_ref().map_or("none".to_owned(), TopicName::to_string)
    }
}

/// Texts with commas between them; `none` is none.
pub mod list {
    pub fn read(text: &str) -> Result<Vec<String>, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
        Ok(parts.map(str::to_owned).collect())
    }

    pub fn show(value: &[String]) -> String {
        if value.is_empty() { "none".to_owned() } else { value.join(",") }
    }
}

/// A path.
pub mod path {
    use std::path::{Path, PathBuf};

    pub fn read(text: &str) -> Result<PathBuf, String> {
        super::text::read(text).map(PathBuf::from)
    }

    pub fn show(value: &Path) -> String {
        value.display().to_string()
    }
}

/// A path, or `none`.
pub mod optional_path {
    use std::path::PathBuf;

    pub fn read(text: &str) -> Result<Option<PathBuf>, String> {
        if text == "none" { Ok(None) } else { super::path::read(text).map(Some) }
    }

    pub fn show(value: &Option<PathBuf>) -> String {
        value.as_deref().map_or("none".to_owned(), super::path::show)
    }
}

/// The value of a header that nobody may see, or `none`.
pub mod secret_header {
    use reqwest::header::HeaderValue;

    pub fn read(text: &str) -> Result<Option<HeaderValue>, String> {
        if text == "none" {
            return Ok(None);
        }
        let value = super::text::read(text)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| "it holds what no header may hold".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    pub fn show(value: &Option<HeaderValue>) -> String {
        let text = value.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        text.unwrap_or_else(|| "none".to_owned())
    }
}

/// Addresses to listen on, with commas between them; `none` is none.
pub mod listen {
    use pinflow_node::ListenAddress;

    pub fn read(text: &str) -> Result<Vec<ListenAddress>, String> {
        let address = |text: &String| {
            let wrong =
                || format!("`{text}` is no address and port, as in `127.0.0.1:8082` or `http://127.0.0.1:8082`");
            text.parse().map_err(|_| wrong())
        };
        super::list::read(text)?.iter().map(address).collect()
    }

    pub fn show(value: &[ListenAddress]) -> String {
        super::list::show(&value.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}

/// An IP address.
pub mod address {
    use std::net::IpAddr;

    pub fn read(text: &str) -> Result<IpAddr, String> {
        text.parse().map_err(|_| format!("`{text}` is no IP address, as in `127.0.0.1` or `0.0.0.0`"))
    }

    pub fn show(value: &IpAddr) -> String {
        value.to_string()
    }
}

/// An address and a port, or `none`.
pub mod optional_socket {
    use std::net::SocketAddr;

    pub fn read(text: &str) -> Result<Option<SocketAddr>, String> {
        if text == "none" {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| format!("`{text}` is no address and port, as in `127.0.0.1:5432`"))
    }

    pub fn show(value: &Option<SocketAddr>) -> String {
        value.map_or("none".to_owned(), |address| address.to_string())
    }
}

/// An address for HTTP, or `none`.
pub mod optional_url {
    use url::Url;

    pub fn read(text: &str) -> Result<Option<Url>, String> {
        if text == "none" {
            return Ok(None);
        }
        let url = text.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.map(Some).ok_or_else(|| format!("`{text}` is no address of a node, as in `http://127.0.0.1:8080`"))
    }

    pub fn show(value: &Option<Url>) -> String {
        value.as_ref().map_or("none".to_owned(), Url::to_string)
    }
}

/// Which requests are logged: `all`, `errors` or `none`.
pub mod request_log {
    use pinflow_node::RequestLog;

    pub fn read(text: &str) -> Result<RequestLog, String> {
        match text {
            "all" => Ok(RequestLog::All),
            "errors" => Ok(RequestLog::Errors),
            "none" => Ok(RequestLog::None),
            _ => Err(format!("`{text}` is neither `all` nor `errors` nor `none`")),
        }
    }

    pub fn show(value: &RequestLog) -> String {
        match value {
            RequestLog::All => "all".to_owned(),
            RequestLog::Errors => "errors".to_owned(),
            RequestLog::None => "none".to_owned(),
        }
    }
}

/// What a run does where a stream's definition has changed: `refuse` or `mix`.
pub mod changed_definition {
    use pinflow_node::ChangedDefinition;

    pub fn read(text: &str) -> Result<ChangedDefinition, String> {
        match text {
            "refuse" => Ok(ChangedDefinition::Refuse),
            "mix" => Ok(ChangedDefinition::Mix),
            _ => Err(format!("`{text}` is neither `refuse` nor `mix`")),
        }
    }

    pub fn show(value: &ChangedDefinition) -> String {
        match value {
            ChangedDefinition::Refuse => "refuse".to_owned(),
            ChangedDefinition::Mix => "mix".to_owned(),
        }
    }
}

/// What a run does where archived objects have changed: `report` or `fail`.
pub mod changed_objects {
    use pinflow_node::ChangedObjects;

    pub fn read(text: &str) -> Result<ChangedObjects, String> {
        match text {
            "report" => Ok(ChangedObjects::Report),
            "fail" => Ok(ChangedObjects::Fail),
            _ => Err(format!("`{text}` is neither `report` nor `fail`")),
        }
    }

    pub fn show(value: &ChangedObjects) -> String {
        match value {
            ChangedObjects::Report => "report".to_owned(),
            ChangedObjects::Fail => "fail".to_owned(),
        }
    }
}

/// How log lines look: `text` or `json`.
pub mod log_format {
    use crate::logging::LogFormat;

    pub fn read(text: &str) -> Result<LogFormat, String> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(format!("`{text}` is neither `text` nor `json`")),
        }
    }

    pub fn show(value: &LogFormat) -> String {
        match value {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in
            [("64MiB", 64 << 20, "64MiB"), ("1024", 1024, "1KiB"), ("1500 B", 1500, "1500B"), ("0", 0, "0GiB")]
        {
            assert_eq!(size::read::<u64>(text), Ok(bytes), "{text}");
            assert_eq!(size::read::<u64>(&size::show(&bytes)), Ok(bytes), "{shown}");
        }
        for wrong in ["", "MiB", "64MB", "-1", "1.5GiB", "99999999999GiB"] {
            assert!(size::read::<u64>(wrong).is_err(), "{wrong} was taken");
        }
        assert!(size::read::<u32>("8GiB").is_err());
        assert_eq!(optional_size::read("none"), Ok(None));
    }

    #[test]
    fn time_spans_are_read_and_shown() {
        for (text, millis, shown) in [
            ("500ms", 500, "500ms"),
            ("90s", 90_000, "1m30s"),
            ("7d", 604_800_000, "7d"),
            ("0s", 0, "0ms"),
            ("0", 0, "0ms"),
        ] {
            let span = duration::read(text).unwrap();
            assert_eq!(span.as_millis(), millis);
            assert_eq!(duration::show(&span), shown);
        }
        for wrong in ["", "5", "s", "-1s", "1.5h", "5min", "99999999999999999999d"] {
            assert!(duration::read(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn addresses_to_listen_on_are_read_and_shown() {
        let text = "127.0.0.1:8082,http://[::1]:4568";
        assert_eq!(listen::show(&listen::read(text).unwrap()), text);
        assert_eq!(listen::read("none"), Ok(vec![]));
        for wrong in ["8082", "localhost:8082", "https://127.0.0.1:1", "127.0.0.1"] {
            assert!(listen::read(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn a_secret_header_shows_nothing() {
        let key = secret_header::read("s3cret").unwrap();
        assert!(!format!("{key:?}").contains("s3cret"));
        assert_eq!(secret_header::show(&key), "s3cret", "to be read again");
        assert!(secret_header::read("a\nb").is_err());
    }

    #[test]
    fn lists_are_read_and_shown() {
        assert_eq!(list::read(" a, b,"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(list::read("none"), Ok(vec![]));
        assert_eq!(list::show(&list::read("a,b").unwrap()), "a,b");
    }
}
