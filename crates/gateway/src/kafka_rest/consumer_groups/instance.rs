//! What a client does with one instance, but for reading and committing.

use pinflow_access::{Caller, Right};
use pinflow_event::TopicPartition;

use super::group::{Group, scope_of};
use super::limits::MAX_ASSIGNED_PARTITIONS;
use super::member::{Member, Reads};
use super::topology::{Scope, Topology};
use super::{ConsumerError, ConsumerGroups, ConsumerSettings, InstanceName, Subscription};

/// An instance in the hands of a caller. Whether it is there is found out by each operation anew.
#[derive(Clone, Debug)]
pub(crate) struct Consumer<'a> {
    pub(super) groups: &'a ConsumerGroups,
    pub(super) name: InstanceName,
    pub(super) caller: &'a Caller,
}

impl ConsumerGroups {
    /// Makes an instance that reads nothing yet.
    ///
    /// # Errors
    /// [`ConsumerError::InvalidName`], [`ConsumerError::InstanceExists`], [`ConsumerError::TooManyInstances`].
    pub(crate) fn create(
        &self,
        name: &InstanceName,
        settings: ConsumerSettings,
        owner: &Caller,
    ) -> Result<(), ConsumerError> {
        self.registry().create(name, settings, owner.clone(), self.clock.now())
    }

    /// An instance, to be used by `caller`: for who did not make it, it is not there.
    pub(crate) fn consumer<'a>(&'a self, name: InstanceName, caller: &'a Caller) -> Consumer<'a> {
        Consumer { groups: self, name, caller }
    }
}

impl Consumer<'_> {
    /// Its settings.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(crate) fn settings(&self) -> Result<ConsumerSettings, ConsumerError> {
        self.with_member(|member| Ok(member.settings))
    }

    /// Removes it. What it read is committed first, where it commits by itself; then others take its partitions over.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(crate) async fn delete(&self) -> Result<(), ConsumerError> {
        self.auto_commit().await?;
        self.groups.registry().remove(&self.name);
        Ok(())
    }

    /// Subscribes to topics instead of those that it subscribed to before; to no topics ends the subscription.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::MixedSubscription`], [`ConsumerError::NotAuthorized`]; those of the
    /// log.
    pub(crate) async fn subscribe(&self, subscription: Subscription) -> Result<(), ConsumerError> {
        if let Subscription::Topics(topics) = &subscription {
            if let Some(topic) = topics.iter().find(|topic| !self.caller.may(Right::Consume, topic)) {
                return Err(ConsumerError::NotAuthorized(topic.clone()));
            }
            if topics.is_empty() {
                return self.unsubscribe().await;
            }
        }
        let topology = self.look_up(Some(scope_of(&subscription))).await?;
        self.with_group(|group, id| {
            let mixed = match group.member(id).map(|member| &member.reads) {
                Some(Reads::Assigned) => true,
                Some(Reads::Subscribed(before)) => {
                    std::mem::discriminant(before) != std::mem::discriminant(&subscription)
                }
                _ => false,
            };
            if mixed {
                return Err(ConsumerError::MixedSubscription);
            }
            group.subscribe(id, subscription, &topology);
            Ok(())
        })?;
        // `latest` means what is latest now, not at the first read.
        self.look_up_positions().await
    }

    /// The topics that it subscribed to, sorted: those named, or those that its pattern matches now.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`]; those of the log.
    pub(crate) async fn subscription(&self) -> Result<Vec<String>, ConsumerError> {
        let topology = self.look_up(None).await?;
        self.with_member(|member| {
            Ok(match member.subscription() {
                Some(Subscription::Topics(topics)) => topics.iter().map(ToString::to_string).collect(),
                Some(Subscription::Pattern(_)) => {
                    let matching = topology.topics().filter(|(topic, _)| member.wants(topic));
                    matching.map(|(topic, _)| topic.to_string()).collect()
                }
                None => Vec::new(),
            })
        })
    }

    /// Reads nothing any more, neither what it subscribed to nor what it was assigned. What it read is committed first, where it
    /// commits by itself.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(crate) async fn unsubscribe(&self) -> Result<(), ConsumerError> {
        self.auto_commit().await?;
        self.with_group(|group, id| {
            group.unsubscribe(id);
            Ok(())
        })
    }

    /// Reads these partitions, whatever other members read. They need not be there yet; none ends the assignment.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::MixedSubscription`], [`ConsumerError::NotAuthorized`],
    /// [`ConsumerError::TooManyPartitions`]; those of the log.
    pub(crate) async fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), ConsumerError> {
        if partitions.len() > MAX_ASSIGNED_PARTITIONS {
            return Err(ConsumerError::TooManyPartitions);
        }
        if let Some(at) = partitions.iter().find(|at| !self.caller.may(Right::Consume, &at.topic)) {
            return Err(ConsumerError::NotAuthorized(at.topic.clone()));
        }
        self.with_member(|member| {
            if member.subscription().is_some() {
                return Err(ConsumerError::MixedSubscription);
            }
            member.reads = if partitions.is_empty() { Reads::Nothing } else { Reads::Assigned };
            member.assign(partitions);
            Ok(())
        })?;
        self.look_up_positions().await
    }

    /// The partitions that it reads, sorted.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`]; those of the log.
    pub(crate) async fn assignment(&self) -> Result<Vec<TopicPartition>, ConsumerError> {
        self.refresh().await?;
        self.with_member(|member| Ok(member.assigned().cloned().collect()))
    }

    /// Lets the group take note of topics that were made, grew, or were deleted.
    pub(super) async fn refresh(&self) -> Result<(), ConsumerError> {
        let topology = self.look_up(None).await?;
        self.with_group(|group, _| {
            group.observe(&topology);
            Ok(())
        })
    }

    /// The topics that the group knows of, and those in `scope`.
    async fn look_up(&self, scope: Option<Scope>) -> Result<Topology, ConsumerError> {
        let known = self.with_group(|group, _| Ok(group.scope()))?;
        let scope = match scope {
            Some(scope) => known.and(scope),
            None => known,
        };
        Ok(Topology::look_up(&*self.groups.log, scope).await?)
    }

    pub(super) fn with_group<T>(
        &self,
        act: impl FnOnce(&mut Group, &str) -> Result<T, ConsumerError>,
    ) -> Result<T, ConsumerError> {
        let now = self.groups.clock.now();
        act(self.groups.registry().group_of(&self.name, self.caller, now)?, &self.name.instance)
    }

    pub(super) fn with_member<T>(
        &self,
        act: impl FnOnce(&mut Member) -> Result<T, ConsumerError>,
    ) -> Result<T, ConsumerError> {
        self.with_group(|group, id| act(group.member_mut(id).ok_or(ConsumerError::UnknownInstance)?))
    }
}
