//! Decides which folder a record goes to, as the S3 sink connector's partitioners do.
//!
//! What a record cannot tell never stops the archive: a field that is missing is `null`, a time that is missing is the record's own.

mod field;
mod path_format;
mod time;

use std::time::Duration;

use object_store::path::Path;
use pinflow_event::{Record, Timestamp};

use crate::partitioner::field::{Document, FieldPath};
use crate::partitioner::path_format::PathFormat;
use crate::partitioner::time::{Extractor, Zone};
use crate::{ArchiveSettings, PartitionerKind, TimestampExtractor};

/// A partitioner that is sound.
#[derive(Clone, Debug)]
pub(crate) enum Partitioner {
    /// The folder of the record's partition.
    Default,
    /// Folders by time.
    Time { format: PathFormat, duration: Duration, zone: Zone, extractor: Extractor },
    /// Folders by fields of the record's JSON.
    Field(Vec<FieldPath>),
}

impl Partitioner {
    /// The partitioner that `settings` describe.
    ///
    /// # Errors
    /// What is wrong with which setting, in words.
    pub fn new(settings: &ArchiveSettings) -> Result<Self, String> {
        let hour = Duration::from_secs(3600);
        match settings.partitioner {
            PartitionerKind::Default => Ok(Self::Default),
            PartitionerKind::Daily => Self::time(settings, "'year'=YYYY/'month'=MM/'day'=dd", hour * 24),
            PartitionerKind::Hourly => Self::time(settings, "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", hour),
            PartitionerKind::Time => Self::time(settings, &settings.path_format, settings.partition_duration),
            PartitionerKind::Field => Self::fields(&settings.partition_fields),
        }
    }

    fn time(settings: &ArchiveSettings, pattern: &str, duration: Duration) -> Result<Self, String> {
        if duration < Duration::from_millis(1) {
            return Err(
                "`partition_duration` is below a millisecond; write the span of a folder, as in `1h`".to_owned()
            );
        }
        let field = settings.timestamp_field.as_deref();
        let extractor = match settings.timestamp_extractor {
            TimestampExtractor::Record => Extractor::Record,
            TimestampExtractor::Wallclock => Extractor::Wallclock,
            TimestampExtractor::RecordField => {
                let wanted =
                    "`timestamp_extractor` is `record_field`, but there is no `timestamp_field`; name the field";
                Extractor::Field(FieldPath::new(field.ok_or(wanted)?)?)
            }
        };
        let zone = Zone::new(&settings.timezone)?;
        Ok(Self::Time { format: PathFormat::new(pattern, &settings.locale)?, duration, zone, extractor })
    }

    fn fields(names: &[String]) -> Result<Self, String> {
        if names.is_empty() {
            return Err("`partitioner` is `field`, but `partition_fields` names none".to_owned());
        }
        if let Some(name) = names.iter().find(|name| *name == "partition" || name.starts_with(['_', '.'])) {
            return Err(format!(
                "`partition_fields` has `{name}`, whose folders would be taken for others; `partition` and names that begin with `_` or `.` are not possible"
            ));
        }
        names.iter().map(|name| FieldPath::new(name)).collect::<Result<_, _>>().map(Self::Field)
    }

    /// The folder below the topic's that `record` goes to, which is archived at `now`; `None` is that of its partition.
    pub fn folder(&self, record: &Record, now: Timestamp) -> Option<String> {
        match self {
            Self::Default => None,
            Self::Time { format, duration, zone, extractor } => {
                let time = extractor.time(record, now);
                Some(format.folder(zone.local(time, *duration)))
            }
            Self::Field(fields) => {
                let document = Document::parse(record.value.as_deref());
                let parts: Vec<String> = fields.iter().map(|field| field.folder(&document)).collect();
                Some(parts.join("/"))
            }
        }
    }
}

/// Whether `folder` is one that objects can be in, and that readers do not pass over.
fn is_folder_of_objects(folder: &str) -> bool {
    let own = |part: &str| part.strip_prefix("partition=").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    Path::parse(folder).is_ok()
        && folder.split('/').all(|part| !part.is_empty() && !part.starts_with(['_', '.']))
        && !folder.split('/').next().is_some_and(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use pinflow_event::Offset;

    fn record(value: &str) -> Record {
        Record {
            offset: Offset(0),
            // 2026-01-31T23:30:00Z
            timestamp: Timestamp::from_millis(1_769_902_200_000),
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Vec::new(),
        }
    }

    fn folder(settings: &ArchiveSettings, value: &str) -> Option<String> {
        Partitioner::new(settings).unwrap().folder(&record(value), Timestamp::from_millis(0))
    }

    fn of(kind: PartitionerKind) -> ArchiveSettings {
        ArchiveSettings { partitioner: kind, ..ArchiveSettings::default() }
    }

    #[test]
    fn folders_are_those_of_the_connector() {
        assert_eq!(folder(&of(PartitionerKind::Default), "{}"), None);
        assert_eq!(folder(&of(PartitionerKind::Daily), "{}").unwrap(), "year=2026/month=01/day=31");
        assert_eq!(folder(&of(PartitionerKind::Hourly), "{}").unwrap(), "year=2026/month=01/day=31/hour=23");
        let fields = ["country", "user.kind", "n", "ok"].map(str::to_owned).to_vec();
        let by_field = ArchiveSettings { partition_fields: fields, ..of(PartitionerKind::Field) };
        let value = r#"{"country":"Norway","user":{"kind":"a/b"},"n":7,"ok":true}"#;
        assert_eq!(folder(&by_field, value).unwrap(), "country=Norway/user.kind=a%2Fb/n=7/ok=true");
        assert_eq!(folder(&by_field, "broken").unwrap(), "country=null/user.kind=null/n=null/ok=null");
    }

    #[test]
    fn the_time_is_the_one_asked_for_in_the_zone_asked_for() {
        let at = |extractor, zone: &str| ArchiveSettings {
            timestamp_extractor: extractor,
            timestamp_field: Some("meta.at".to_owned()),
            timezone: zone.to_owned(),
            path_format: "YYYY-MM-dd'T'HH:mm".to_owned(),
            partition_duration: Duration::from_secs(900),
            ..of(PartitionerKind::Time)
        };
        let value = r#"{"meta":{"at":"2020-08-28 03:52:47"}}"#;
        for (extractor, zone, expected) in [
            (TimestampExtractor::Record, "UTC", "2026-01-31T23:30"),
            (TimestampExtractor::Record, "Europe/Berlin", "2026-02-01T00:30"),
            (TimestampExtractor::Record, "+05:45", "2026-02-01T05:15"),
            (TimestampExtractor::Wallclock, "UTC", "1970-01-01T00:00"),
            (TimestampExtractor::RecordField, "UTC", "2020-08-28T03:45"),
        ] {
            assert_eq!(folder(&at(extractor, zone), value).unwrap(), expected, "{extractor} {zone}");
        }
        let missing = folder(&at(TimestampExtractor::RecordField, "UTC"), "{}").unwrap();
        assert_eq!(missing, "2026-01-31T23:30", "the record's own");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refusal = |settings: ArchiveSettings| Partitioner::new(&settings).unwrap_err();
        let time = of(PartitionerKind::Time);
        assert!(refusal(of(PartitionerKind::Field)).contains("`partition_fields` names none"));
        let fields = ArchiveSettings { partition_fields: vec!["partition".into()], ..of(PartitionerKind::Field) };
        assert!(refusal(fields).contains("`partition`"));
        assert!(refusal(ArchiveSettings { timezone: "Mars/Base".into(), ..time.clone() }).contains("`Mars/Base`"));
        let no_field = ArchiveSettings { timestamp_extractor: TimestampExtractor::RecordField, ..time.clone() };
        assert!(refusal(no_field).contains("`timestamp_field`"));
        assert!(refusal(ArchiveSettings { partition_duration: Duration::ZERO, ..time.clone() }).contains("`1h`"));
        for pattern in ["", "/YYYY", "YYYY//MM", "'_'YYYY", "'partition'=HH", "'..'/YYYY", "YYYY/q", "'year=YYYY"] {
            let error = refusal(ArchiveSettings { path_format: pattern.to_owned(), ..time.clone() });
            assert!(error.contains("`path_format`"), "{pattern}: {error}");
        }
    }
}
