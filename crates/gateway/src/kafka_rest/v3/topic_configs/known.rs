//! Kafka's topic configurations: which there are, their defaults, and what values they take.

use std::fmt;

/// A configuration that topics have in Kafka.
#[derive(Debug)]
pub(super) struct KnownConfig {
    /// Its name.
    pub(super) name: &'static str,
    /// The name of the broker's configuration that it overrides.
    pub(super) broker_name: &'static str,
    /// Kafka's default.
    default: &'static str,
    values: Values,
}

/// The values that a configuration takes.
#[derive(Clone, Copy, Debug)]
enum Values {
    Long {
        least: i64,
    },
    Int {
        least: i32,
    },
    Boolean,
    /// A number from 0 to 1.
    Ratio,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    Text,
}

/// Why a value is not one of a configuration's, in Kafka's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidValue(String);

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
pub(super) const RETENTION_BYTES: &str = "retention.bytes";
pub(super) const RETENTION_MS: &str = "retention.ms";

const LONGEST: &str = "9223372036854775807";

const fn known(name: &'static str, broker_name: &'static str, default: &'static str, values: Values) -> KnownConfig {
    KnownConfig { name, broker_name, default, values }
}

/// All of them, sorted by name. (Apache Kafka 3.9, topic-level configurations.)
pub(super) static KNOWN: [KnownConfig; 29] = [
    known("cleanup.policy", "log.cleanup.policy", "delete", Values::ListOf(&["compact", "delete"])),
    known(
        "compression.type",
        "compression.type",
        "producer",
        Values::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
    ),
    known("delete.retention.ms", "log.cleaner.delete.retention.ms", "86400000", Values::Long { least: 0 }),
    known("file.delete.delay.ms", "log.segment.delete.delay.ms", "60000", Values::Long { least: 0 }),
    known("flush.messages", "log.flush.interval.messages", LONGEST, Values::Long { least: 1 }),
    known("flush.ms", "log.flush.interval.ms", LONGEST, Values::Long { least: 0 }),
    known("follower.replication.throttled.replicas", "follower.replication.throttled.replicas", "", Values::Text),
    known("index.interval.bytes", "log.index.interval.bytes", "4096", Values::Int { least: 0 }),
    known("leader.replication.throttled.replicas", "leader.replication.throttled.replicas", "", Values::Text),
    known("local.retention.bytes", "log.local.retention.bytes", "-2", Values::Long { least: -2 }),
    known("local.retention.ms", "log.local.retention.ms", "-2", Values::Long { least: -2 }),
    known("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", LONGEST, Values::Long { least: 1 }),
    known(MAX_MESSAGE_BYTES, "message.max.bytes", "1048588", Values::Int { least: 0 }),
    known("message.downconversion.enable", "log.message.downconversion.enable", "true", Values::Boolean),
    known("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", LONGEST, Values::Long { least: 0 }),
    known("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", LONGEST, Values::Long { least: 0 }),
    known(
        "message.timestamp.type",
        "log.message.timestamp.type",
        "CreateTime",
        Values::OneOf(&["CreateTime", "LogAppendTime"]),
    ),
    known("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", "0.5", Values::Ratio),
    known("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", "0", Values::Long { least: 0 }),
    known("min.insync.replicas", "min.insync.replicas", "1", Values::Int { least: 1 }),
    known("preallocate", "log.preallocate", "false", Values::Boolean),
    known("remote.storage.enable", "remote.storage.enable", "false", Values::Boolean),
    known(RETENTION_BYTES, "log.retention.bytes", "-1", Values::Long { least: -1 }),
    known(RETENTION_MS, "log.retention.ms", "604800000", Values::Long { least: -1 }),
    known("segment.bytes", "log.segment.bytes", "1073741824", Values::Int { least: 14 }),
    known("segment.index.bytes", "log.index.size.max.bytes", "10485760", Values::Int { least: 4 }),
    known("segment.jitter.ms", "log.roll.jitter.ms", "0", Values::Long { least: 0 }),
    known("segment.ms", "log.roll.ms", "604800000", Values::Long { least: 1 }),
    known("unclean.leader.election.enable", "unclean.leader.election.enable", "false", Values::Boolean),
];

impl KnownConfig {
    /// The configuration of that name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name == name)
    }

    /// Kafka's default.
    pub(super) fn default(&self) -> &'static str {
        self.default
    }

    /// Checks a value.
    ///
    /// # Errors
    /// [`InvalidValue`].
    pub(super) fn check(&self, value: &str) -> Result<(), InvalidValue> {
        let broken = match self.values {
            Values::Long { least } => number(value, least, "LONG"),
            Values::Int { least } => number(value, least, "INT"),
            Values::Boolean => (!["true", "false"].iter().any(|word| value.trim().eq_ignore_ascii_case(word)))
                .then(|| "Expected value to be either true or false".to_owned()),
            Values::Ratio => match value.trim().parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => None,
                Ok(_) => Some("Value must be between 0 and 1".to_owned()),
                Err(_) => Some("Not a number of type DOUBLE".to_owned()),
            },
            Values::OneOf(words) => none_of(words, value),
            Values::ListOf(words) => value.split(',').find_map(|word| none_of(words, word.trim())),
            Values::Text => None,
        };
        match broken {
            None => Ok(()),
            Some(why) => Err(InvalidValue(format!("Invalid value {value} for configuration {}: {why}", self.name))),
        }
    }
}

fn number<T>(value: &str, least: T, kind: &str) -> Option<String>
where
    T: std::str::FromStr + PartialOrd + fmt::Display,
{
    match value.trim().parse::<T>() {
        Ok(number) if number >= least => None,
        Ok(_) => Some(format!("Value must be at least {least}")),
        Err(_) => Some(format!("Not a number of type {kind}")),
    }
}

fn none_of(words: &[&str], value: &str) -> Option<String> {
    (!words.contains(&value)).then(|| format!("String must be one of: {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn they_are_sorted_and_take_their_own_defaults() {
        assert!(KNOWN.is_sorted_by(|a, b| a.name < b.name));
        for known in &KNOWN {
            assert_eq!(known.check(known.default()), Ok(()), "{}", known.name);
        }
    }

    #[test]
    fn values_are_checked_in_kafkas_words() {
        let check = |name, value| KnownConfig::find(name).unwrap().check(value).map_err(|invalid| invalid.to_string());
        for (name, value) in [
            (RETENTION_MS, "-1"),
            (RETENTION_MS, "0"),
            ("cleanup.policy", "compact,delete"),
            ("cleanup.policy", "compact, delete"),
            ("preallocate", "TRUE"),
            ("min.cleanable.dirty.ratio", "0.01"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name} {value}");
        }
        for (name, value, why) in [
            (RETENTION_MS, "week", "Not a number of type LONG"),
            (RETENTION_MS, "-2", "Value must be at least -1"),
            (RETENTION_MS, "9223372036854775808", "Not a number of type LONG"),
            (MAX_MESSAGE_BYTES, "2147483648", "Not a number of type INT"),
            ("cleanup.policy", "delete,shred", "String must be one of: compact, delete"),
            ("compression.type", "", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
            ("preallocate", "yes", "Expected value to be either true or false"),
            ("min.cleanable.dirty.ratio", "NaN", "Value must be between 0 and 1"),
        ] {
            assert_eq!(check(name, value), Err(format!("Invalid value {value} for configuration {name}: {why}")));
        }
    }
}
