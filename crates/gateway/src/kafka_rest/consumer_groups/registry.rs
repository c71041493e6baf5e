//! All groups and their members, within the limits of this node. Pure: the time is told to it.

use std::collections::BTreeMap;

use pinflow_access::Caller;
use pinflow_event::Timestamp;

use super::group::Group;
use super::limits::MAX_NAME_BYTES;
use super::member::Member;
use super::{ConsumerError, ConsumerLimits, ConsumerSettings, InstanceName};

/// The groups that have members.
#[derive(Debug)]
pub(super) struct Registry {
    limits: ConsumerLimits,
    groups: BTreeMap<String, Group>,
    instances: usize,
    /// No member expires before.
    next_expiry: Timestamp,
}

impl Registry {
    pub(super) fn new(limits: ConsumerLimits) -> Self {
        Self { limits, groups: BTreeMap::new(), instances: 0, next_expiry: Timestamp::from_millis(i64::MAX) }
    }

    /// The limits that hold here.
    pub(super) fn limits(&self) -> ConsumerLimits {
        self.limits
    }

    /// The names of the groups that have members, sorted.
    pub(super) fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// A group that has members.
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Adds a member, and its group where it is the first.
    ///
    /// # Errors
    /// [`ConsumerError::InvalidName`], [`ConsumerError::InstanceExists`], [`ConsumerError::TooManyInstances`].
    pub(super) fn create(
        &mut self,
        name: &InstanceName,
        settings: ConsumerSettings,
        owner: Caller,
        now: Timestamp,
    ) -> Result<(), ConsumerError> {
        if ![&name.group, &name.instance].into_iter().all(|text| (1..=MAX_NAME_BYTES).contains(&text.len())) {
            return Err(ConsumerError::InvalidName);
        }
        if self.group(&name.group).is_some_and(|group| group.member(&name.instance).is_some()) {
            return Err(ConsumerError::InstanceExists);
        }
        if self.instances >= self.limits.instances {
            return Err(ConsumerError::TooManyInstances { limit: self.limits.instances });
        }
        self.instances += 1;
        self.next_expiry = self.next_expiry.min(now.plus(self.limits.instance_timeout));
        let group = self.groups.entry(name.group.clone()).or_default();
        group.join(name.instance.clone(), Member::new(settings, owner, now));
        Ok(())
    }

    /// The group of an instance that is there and was made by `caller`. The instance counts as used.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(super) fn group_of(
        &mut self,
        name: &InstanceName,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<&mut Group, ConsumerError> {
        let group = self.groups.get_mut(&name.group).ok_or(ConsumerError::UnknownInstance)?;
        match group.member_mut(&name.instance) {
            Some(member) if member.owner.name() == caller.name() => {
                member.last_used = now;
                // The same caller, with the rights that it has now.
                member.owner = caller.clone();
            }
            _ => return Err(ConsumerError::UnknownInstance),
        }
        Ok(group)
    }

    /// Removes an instance, and its group where it was the last.
    pub(super) fn remove(&mut self, name: &InstanceName) {
        let Some(group) = self.groups.get_mut(&name.group) else { return };
        if group.leave(&name.instance).is_some() {
            self.instances -= 1;
        }
        if group.is_empty() {
            self.groups.remove(&name.group);
        }
    }

    /// Removes the members that nobody used for too long. What they read and did not confirm, others read again.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if now < self.next_expiry {
            return;
        }
        let timeout = self.limits.instance_timeout;
        let mut expired = Vec::new();
        let mut next_expiry = Timestamp::from_millis(i64::MAX);
        for (group, id, member) in
            self.groups.iter().flat_map(|(g, group)| group.members().map(move |(i, m)| (g, i, m)))
        {
            let expiry = member.last_used.plus(timeout);
            if expiry <= now {
                expired.push(InstanceName { group: group.clone(), instance: id.clone() });
            } else {
                next_expiry = next_expiry.min(expiry);
            }
        }
        self.next_expiry = next_expiry;
        for name in expired {
            tracing::info!(group = name.group, instance = name.instance, "consumer instance expired: nobody used it");
            self.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;
    use crate::kafka_rest::consumer_groups::OffsetReset;
    use crate::kafka_rest::media_type::EmbeddedFormat;

    const SETTINGS: ConsumerSettings = ConsumerSettings {
        format: EmbeddedFormat::Binary,
        offset_reset: OffsetReset::Latest,
        auto_commit: false,
        min_bytes: 0,
        request_timeout: Duration::ZERO,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn name(group: &str, instance: &str) -> InstanceName {
        InstanceName { group: group.to_owned(), instance: instance.to_owned() }
    }

    fn registry(instances: usize) -> Registry {
        Registry::new(ConsumerLimits { instances, instance_timeout: Duration::from_secs(300) })
    }

    #[test]
    fn an_instance_expires_once_nobody_used_it_for_the_timeout() {
        let mut registry = registry(9);
        let anyone = Caller::anyone();
        for (instance, made) in [("used", 0), ("idle", 0), ("late", 200)] {
            registry.create(&name("g", instance), SETTINGS, anyone.clone(), at(made)).unwrap();
        }
        registry.expire(at(299));
        registry.group_of(&name("g", "used"), &anyone, at(299)).unwrap();
        registry.expire(at(300));
        let left = |registry: &Registry| -> Vec<String> {
            registry.group("g").into_iter().flat_map(|group| group.members().map(|(id, _)| id.clone())).collect()
        };
        assert_eq!(left(&registry), ["late", "used"]);
        registry.expire(at(500));
        assert_eq!(left(&registry), ["used"]);
        registry.expire(at(599));
        assert_eq!(registry.group_names().count(), 0);
        assert_eq!(registry.instances, 0);
    }

    #[test]
    fn there_are_no_more_instances_than_allowed() {
        let mut registry = registry(2);
        let mut create = |group, instance| registry.create(&name(group, instance), SETTINGS, Caller::anyone(), at(0));
        create("g", "a").unwrap();
        create("h", "a").unwrap();
        assert!(matches!(create("g", "a"), Err(ConsumerError::InstanceExists)));
        assert!(matches!(create("g", "b"), Err(ConsumerError::TooManyInstances { limit: 2 })));
        assert!(matches!(create("g", ""), Err(ConsumerError::InvalidName)));
        assert!(matches!(create(&"g".repeat(257), "a"), Err(ConsumerError::InvalidName)));
        registry.remove(&name("g", "a"));
        registry.create(&name("g", "b"), SETTINGS, Caller::anyone(), at(0)).unwrap();
    }
}
