//! Commits: how far a group is, said by its members.
//!
//! An instance that commits by itself does so when its client shows that it has what earlier reads returned: with the next read, the
//! end of the subscription, or the deletion. A client that just vanishes has shown nothing; its last records are read again by others.

use std::collections::BTreeMap;

use pinflow_access::Right;
use pinflow_event::{Offset, TopicPartition};
use pinflow_log::{CommittedOffset, LogError};

use super::ConsumerError;
use super::instance::Consumer;
use super::limits::MAX_METADATA_BYTES;

impl Consumer<'_> {
    /// Commits these offsets: each is the next record that the group wants. The partitions need not be the instance's own. An
    /// instance that commits by itself leaves them alone until it has read on.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::NotAuthorized`], [`ConsumerError::MetadataTooLarge`]; those of the log.
    pub(crate) async fn commit(&self, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> Result<(), ConsumerError> {
        if offsets.values().any(|committed| committed.metadata.len() > MAX_METADATA_BYTES) {
            return Err(ConsumerError::MetadataTooLarge);
        }
        if let Some(at) = offsets.keys().find(|at| !self.caller.may(Right::Consume, &at.topic)) {
            return Err(ConsumerError::NotAuthorized(at.topic.clone()));
        }
        let committing = self.with_group(|group, _| Ok(group.committing.clone()))?;
        let _committing = committing.lock().await;
        let partitions: Vec<TopicPartition> = offsets.keys().cloned().collect();
        self.groups.log.consumer_offsets().commit(&self.name.group, offsets).await?;
        self.with_member(|member| {
            for at in &partitions {
                if let Ok(position) = member.position_mut(at) {
                    position.uncommitted = false;
                }
            }
            Ok(())
        })
    }

    /// Commits everything that was read.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`]; those of the log.
    pub(crate) async fn commit_all(&self) -> Result<(), ConsumerError> {
        let committing = self.with_group(|group, _| Ok(group.committing.clone()))?;
        let _committing = committing.lock().await;
        // Taken under the lock: of two commits the later one knows more.
        let next: Vec<(TopicPartition, Offset)> = self.with_member(|member| {
            let moved = |(at, position): (&TopicPartition, super::member::Position)| {
                position.next.filter(|_| position.uncommitted).map(|next| (at.clone(), next))
            };
            Ok(member.positions().filter_map(moved).collect())
        })?;
        if next.is_empty() {
            return Ok(());
        }
        let committed = |offset| CommittedOffset { offset, metadata: String::new() };
        self.store_existing(next.iter().map(|(at, offset)| (at.clone(), committed(*offset))).collect()).await?;
        self.with_member(|member| {
            for (at, offset) in &next {
                // What was read meanwhile is for the next commit.
                if let Ok(position) = member.position_mut(at)
                    && position.next == Some(*offset)
                {
                    position.uncommitted = false;
                }
            }
            Ok(())
        })
    }

    /// Commits everything that was read, where the instance commits by itself. As Kafka's client, it goes on where that
    /// fails: the records are read again at worst.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(super) async fn auto_commit(&self) -> Result<(), ConsumerError> {
        if !self.settings()?.auto_commit {
            return Ok(());
        }
        match self.commit_all().await {
            Err(ConsumerError::Log(failure)) => {
                tracing::warn!(
                    group = self.name.group,
                    instance = self.name.instance,
                    "cannot commit by itself: {failure}"
                );
                Ok(())
            }
            committed => committed,
        }
    }

    /// What the group has committed in these partitions; those without are left out.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::NotAuthorized`]; those of the log.
    pub(crate) async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<(TopicPartition, CommittedOffset)>, ConsumerError> {
        self.settings()?;
        if let Some(at) = partitions.iter().find(|at| !self.caller.may(Right::Consume, &at.topic)) {
            return Err(ConsumerError::NotAuthorized(at.topic.clone()));
        }
        let committed = self.groups.log.consumer_offsets().committed(&self.name.group).await?;
        Ok(partitions.into_iter().filter_map(|at| committed.get(&at).cloned().map(|offset| (at, offset))).collect())
    }

    /// Stores offsets, but for those of topics that were deleted meanwhile or are not made yet.
    async fn store_existing(
        &self,
        mut offsets: BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ConsumerError> {
        while !offsets.is_empty() {
            match self.groups.log.consumer_offsets().commit(&self.name.group, offsets.clone()).await {
                Err(LogError::UnknownTopic(topic)) => offsets.retain(|at, _| at.topic != topic),
                Err(LogError::UnknownPartition { at, .. }) => drop(offsets.remove(&at)),
                stored => return Ok(stored?),
            }
        }
        Ok(())
    }
}
