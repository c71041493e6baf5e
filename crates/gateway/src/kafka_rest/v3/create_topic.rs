//! The body of a request that makes a topic, checked.

use bytes::Bytes;
use pinflow_event::TopicName;
use pinflow_log::TopicConfig;
use serde::de::MapAccess;

use super::body::{self, Unrecognized};
use super::error::V3Error;
use super::replica_assignments::ReplicaAssignments;
use super::topic_configs::{Config, new_topic};
use crate::json::{Members, Object, once};
use crate::settings::GatewaySettings;

/// What Kafka takes for "the default" of a count.
const DEFAULT_COUNT: i64 = -1;

/// A topic to be made.
#[derive(Debug)]
pub(super) struct CreateTopic {
    /// Its name.
    pub(super) name: TopicName,
    /// How it is kept.
    pub(super) config: TopicConfig,
    /// The replication factor as asked for; 0 where the request leaves it to the server, as in the original's reply.
    pub(super) replication_factor: u32,
    /// The topic is not to be made, only checked.
    pub(super) validate_only: bool,
}

#[derive(Debug, Default)]
struct Request {
    topic_name: Option<Option<String>>,
    partitions_count: Option<Option<i64>>,
    replication_factor: Option<Option<i64>>,
    replicas_assignments: Option<Option<ReplicaAssignments>>,
    configs: Option<Option<Vec<Object<Config>>>>,
    validate_only: Option<Option<bool>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Request {
    const EXPECTED: &'static str = "an object with `topic_name`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "topic_name" => once(&mut self.topic_name, "topic_name", members),
            "partitions_count" => once(&mut self.partitions_count, "partitions_count", members),
            "replication_factor" => once(&mut self.replication_factor, "replication_factor", members),
            "replicas_assignments" => once(&mut self.replicas_assignments, "replicas_assignments", members),
            "configs" => once(&mut self.configs, "configs", members),
            "validate_only" => once(&mut self.validate_only, "validate_only", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

impl CreateTopic {
    /// Parses and checks a body.
    ///
    /// # Errors
    /// Those of the body; [`V3Error::Payload`] for the name; [`V3Error::Kafka`] for the rest.
    pub(super) fn parse(bytes: &Bytes, settings: &GatewaySettings) -> Result<Self, V3Error> {
        let request: Request = body::parse(bytes)?;
        request.unrecognized.check()?;
        let name = request.topic_name.flatten().ok_or_else(|| body::missing("topic_name"))?;
        let name = TopicName::new(&name).map_err(|_| V3Error::Payload("Invalid topic name."))?;
        let assigned = request.replicas_assignments.flatten().filter(|assignments| !assignments.is_empty());
        let counts = (request.partitions_count.flatten(), request.replication_factor.flatten());
        let (partitions, replication_factor) = match assigned {
            Some(assignments) => {
                if counts != (None, None) {
                    return Err(V3Error::Kafka(
                        "Both replicas_assignments and partitions_count or replication_factor were set.".to_owned(),
                    ));
                }
                (assignments.check()?, 0)
            }
            None => (partitions(counts.0, settings)?, check_replication(counts.1)?),
        };
        let configs = request.configs.flatten().unwrap_or_default();
        let configs = configs.into_iter().map(|Object(config)| config.into_set()).collect::<Result<_, _>>()?;
        let config = new_topic(partitions, configs, settings)?;
        Ok(Self { name, config, replication_factor, validate_only: request.validate_only.flatten().unwrap_or(false) })
    }
}

fn partitions(count: Option<i64>, settings: &GatewaySettings) -> Result<u32, V3Error> {
    let count = match count {
        None | Some(DEFAULT_COUNT) => return Ok(settings.default_partitions),
        Some(count) => count,
    };
    match u32::try_from(count) {
        Ok(count @ 1..=TopicConfig::MAX_PARTITIONS) => Ok(count),
        Ok(0) | Err(_) if count < 1 => {
            Err(V3Error::Kafka("Number of partitions was set to an invalid non-positive value.".to_owned()))
        }
        _ => Err(V3Error::Kafka(format!(
            "Number of partitions {count} is larger than the {} that a topic has at most.",
            TopicConfig::MAX_PARTITIONS
        ))),
    }
}

fn check_replication(factor: Option<i64>) -> Result<u32, V3Error> {
    match factor {
        None | Some(DEFAULT_COUNT) => Ok(0),
        Some(1) => Ok(1),
        Some(factor) if factor < 1 => {
            Err(V3Error::Kafka("Replication factor was set to an invalid non-positive value.".to_owned()))
        }
        Some(factor) => Err(V3Error::Kafka(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only 1 broker(s) are registered."
        ))),
    }
}
