//! `replicas_assignments`: which brokers each partition of a new topic is to be on. There is one broker.
//!
//! The API's description has a list of objects; the original takes an object of lists (`{"0":[1]}`) instead. Both are taken here.

use std::fmt;

use pinflow_log::TopicConfig;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::body::{self, Unrecognized};
use super::error::V3Error;
use crate::json::{Members, Object, once};

/// The assignments of a request, unchecked.
#[derive(Debug)]
pub(super) struct ReplicaAssignments(Vec<Assignment>);

/// The brokers that a partition is to be on.
#[derive(Debug, Default)]
struct Assignment {
    partition_id: Option<Option<i64>>,
    broker_ids: Option<Option<Vec<i64>>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Assignment {
    const EXPECTED: &'static str = "an object with `partition_id` and `broker_ids`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "partition_id" => once(&mut self.partition_id, "partition_id", members),
            "broker_ids" => once(&mut self.broker_ids, "broker_ids", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

impl ReplicaAssignments {
    /// Whether none is given: as where the member is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of partitions, where each of them is on the one broker there is.
    ///
    /// # Errors
    /// [`V3Error`] for a member that is missing or unknown; [`V3Error::Kafka`] for other brokers, gaps, and too many partitions.
    pub(super) fn check(self) -> Result<u32, V3Error> {
        let mut numbers = Vec::with_capacity(self.0.len());
        for assignment in self.0 {
            assignment.unrecognized.check()?;
            let partition = assignment.partition_id.flatten().ok_or_else(|| body::missing("partition_id"))?;
            let brokers = assignment.broker_ids.flatten().ok_or_else(|| body::missing("broker_ids"))?;
            if brokers != [1] {
                return Err(V3Error::Kafka(format!(
                    "Invalid replica assignment: partition {partition} is assigned to brokers {brokers:?}; there is only broker 1."
                )));
            }
            numbers.push(partition);
        }
        numbers.sort_unstable();
        if numbers.iter().enumerate().any(|(index, number)| usize::try_from(*number) != Ok(index)) {
            return Err(V3Error::Kafka("partitions should be a consecutive 0-based integer sequence.".to_owned()));
        }
        match u32::try_from(numbers.len()) {
            Ok(count @ 1..=TopicConfig::MAX_PARTITIONS) => Ok(count),
            _ => Err(V3Error::Kafka(format!("A topic has {} partitions at most.", TopicConfig::MAX_PARTITIONS))),
        }
    }
}

impl<'de> Deserialize<'de> for ReplicaAssignments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AssignmentsVisitor)
    }
}

struct AssignmentsVisitor;

impl<'de> Visitor<'de> for AssignmentsVisitor {
    type Value = ReplicaAssignments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of assignments, or lists of brokers by partition")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut assignments = Vec::new();
        while let Some(Object(assignment)) = elements.next_element::<Object<Assignment>>()? {
            assignments.push(assignment);
        }
        Ok(ReplicaAssignments(assignments))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut assignments = Vec::new();
        while let Some((partition, brokers)) = members.next_entry::<String, Vec<i64>>()? {
            let number = partition.parse().map_err(|_| A::Error::custom("the number of a partition is no integer"))?;
            assignments.push(Assignment {
                partition_id: Some(Some(number)),
                broker_ids: Some(Some(brokers)),
                unrecognized: Unrecognized::default(),
            });
        }
        Ok(ReplicaAssignments(assignments))
    }
}
