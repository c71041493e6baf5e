//! Where an instance reads on: looked up where it has not read yet, set by its client otherwise.

use std::collections::BTreeMap;

use pinflow_event::{Offset, Timestamp, TopicPartition};
use pinflow_log::{Bounds, LogError};

use super::instance::Consumer;
use super::member::Position;
use super::{ConsumerError, OffsetReset};

/// Where a client wants to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seek {
    /// With the oldest record that is there.
    Beginning,
    /// With the next record that will be written.
    End,
    /// With the record of this offset.
    Offset(Offset),
    /// With the earliest record of this time or later; the end where there is none.
    Time(Timestamp),
}

/// A partition whose position is to be looked up.
struct Wanted {
    at: TopicPartition,
    /// It came to be after its group subscribed.
    newborn: bool,
    reset: OffsetReset,
}

impl Consumer<'_> {
    /// Sets positions, all of them or none. No positions set to the beginning or the end mean all partitions that it reads.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::NotAssigned`]; those of the log.
    pub(crate) async fn seek(&self, seeks: Vec<(TopicPartition, Seek)>) -> Result<(), ConsumerError> {
        self.with_member(|member| seeks.iter().try_for_each(|(at, _)| member.position_mut(at).map(drop)))?;
        let mut found = Vec::with_capacity(seeks.len());
        for (at, seek) in seeks {
            let offset = match seek {
                Seek::Offset(offset) => offset,
                Seek::Beginning => self.bounds(&at).await?.earliest,
                Seek::End => self.bounds(&at).await?.end,
                Seek::Time(time) => match self.groups.log.offset_at(&at, time).await {
                    Err(LogError::UnknownTopic(_) | LogError::UnknownPartition { .. }) => Offset::ZERO,
                    found => found?,
                },
            };
            found.push((at, offset));
        }
        self.with_member(|member| {
            found.iter().try_for_each(|(at, _)| member.position_mut(at).map(drop))?;
            found.iter().try_for_each(|(at, offset)| {
                *member.position_mut(at)? = Position { next: Some(*offset), uncommitted: true };
                Ok(())
            })
        })
    }

    /// Finds out where to begin in the partitions that were assigned and not read yet: at the group's committed offset, or
    /// else as the instance's settings say.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`]; those of the log. A partition without an offset stays without one.
    pub(super) async fn look_up_positions(&self) -> Result<(), ConsumerError> {
        let wanted = self.with_group(|group, id| {
            let member = group.member(id).ok_or(ConsumerError::UnknownInstance)?;
            let missing = member.positions().filter(|(_, position)| position.next.is_none());
            let reset = member.settings.offset_reset;
            let wanted = missing.map(|(at, _)| Wanted { at: at.clone(), newborn: group.is_newborn(at), reset });
            Ok(wanted.collect::<Vec<_>>())
        })?;
        if wanted.is_empty() {
            return Ok(());
        }
        let committed = self.groups.log.consumer_offsets().committed(&self.name.group).await?;
        let mut found = BTreeMap::new();
        for wanted in wanted {
            let committed = committed.get(&wanted.at).map(|committed| committed.offset);
            let next = match committed {
                Some(offset) => Some(offset),
                None => self.default_offset(&wanted).await?,
            };
            // Where `latest` was when the group came is worth a commit; that nothing was read yet is not.
            let uncommitted = wanted.reset == OffsetReset::Latest && committed.is_none();
            found.insert(wanted.at, Position { next, uncommitted });
        }
        self.with_member(|member| {
            for (at, position) in found {
                // Not where the client has sought meanwhile, or the partition has gone to another member.
                if member.position(&at).is_some_and(|position| position.next.is_none()) {
                    *member.position_mut(&at)? = position;
                }
            }
            Ok(())
        })
    }

    async fn default_offset(&self, wanted: &Wanted) -> Result<Option<Offset>, ConsumerError> {
        let bounds = self.bounds(&wanted.at).await?;
        Ok(match wanted.reset {
            OffsetReset::Nothing => None,
            OffsetReset::Latest if !wanted.newborn => Some(bounds.end),
            _ => Some(bounds.earliest),
        })
    }

    /// Reads on in a partition that does not hold the wanted offset (any more).
    pub(super) async fn reset(&self, at: &TopicPartition, from: Offset) -> Result<(), ConsumerError> {
        let reset = self.settings()?.offset_reset;
        let wanted = Wanted { at: at.clone(), newborn: false, reset };
        let next = self.default_offset(&wanted).await?.ok_or_else(|| ConsumerError::NoOffset(at.clone()))?;
        tracing::warn!(partition = %at, %from, to = %next, group = self.name.group, "a consumer's offset is not there");
        self.with_member(|member| {
            if member.position(at).is_some_and(|position| position.next == Some(from)) {
                *member.position_mut(at)? = Position { next: Some(next), uncommitted: true };
            }
            Ok(())
        })
    }

    /// What a partition holds; nothing where it is not there yet.
    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, ConsumerError> {
        match self.groups.log.bounds(at).await {
            Err(LogError::UnknownTopic(_) | LogError::UnknownPartition { .. }) => {
                Ok(Bounds { earliest: Offset::ZERO, end: Offset::ZERO })
            }
            bounds => Ok(bounds?),
        }
    }

    /// The partitions that it reads.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`].
    pub(super) fn partitions(&self) -> Result<Vec<TopicPartition>, ConsumerError> {
        self.with_member(|member| Ok(member.assigned().cloned().collect()))
    }

    /// As [`Consumer::seek`] for all these partitions, or all that it reads where none is given.
    ///
    /// # Errors
    /// As [`Consumer::seek`].
    pub(crate) async fn seek_all(&self, partitions: Vec<TopicPartition>, seek: Seek) -> Result<(), ConsumerError> {
        let partitions = if partitions.is_empty() { self.partitions()? } else { partitions };
        self.seek(partitions.into_iter().map(|at| (at, seek)).collect()).await
    }
}
