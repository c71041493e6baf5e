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
            Some(member) if member.owner.name() == caller.name() => member.last_used = now,
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
