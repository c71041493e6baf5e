//! Consumer groups: who reads which partitions, from where, and how far a group has come. No HTTP in here.
//!
//! A group's members and what they hold live in this process; committed offsets live in the log
//! ([`EventLog::consumer_offsets`]) and outlive it. While the membership of a group is stable, a record is given to exactly
//! one member that subscribed to its topic. A partition that changes hands is read on from the group's committed offset.
//!
//! Version 2 of the API acts on instances ([`ConsumerGroups::create`] and what takes an [`InstanceName`]); version 3
//! looks at groups ([`ConsumerGroups::list`], [`ConsumerGroups::describe`]).

mod assignment;
mod description;
mod error;
mod group;
mod instance;
mod limits;
mod member;
mod offsets;
mod poll;
mod position;
mod registry;
mod subscription;
mod topology;

pub(crate) use description::{GroupDescription, GroupState, MemberDescription, PartitionLag};
pub(crate) use error::ConsumerError;
pub(crate) use instance::Consumer;
pub(crate) use limits::ConsumerLimits;
pub(crate) use member::{ConsumerSettings, InstanceName, OffsetReset};
pub(crate) use poll::{PollLimits, Polled, PolledRecord};
pub(crate) use position::Seek;
pub(crate) use subscription::Subscription;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinflow_event::Clock;
use pinflow_log::EventLog;

use crate::body::BodyBudget;

use registry::Registry;

/// All consumer groups of this node.
#[derive(Debug)]
pub(crate) struct ConsumerGroups {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    /// What the records that are being read may take.
    pages: BodyBudget,
    registry: Mutex<Registry>,
}

impl ConsumerGroups {
    /// No members yet; the groups that committed to `log` are known.
    pub(crate) fn new(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        limits: ConsumerLimits,
        pages: BodyBudget,
    ) -> Self {
        Self { log, clock, pages, registry: Mutex::new(Registry::new(limits)) }
    }

    /// The members, once those that nobody used for too long are gone.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.expire(self.clock.now());
        registry
    }
}
