//! Dead letters as the API gives them, and what is done with them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pinflow_dashboard::view::{DeadLetter, Lane as LaneView, LetterOutcome as OutcomeView, LetterSelection};
use pinflow_event::{Offset, Partition, Timestamp};
use pinflow_lane::{LetterAction, LetterFilter, LetterOutcome, ListedLetter, newest_letters};
use pinflow_pipeline::Lane;

use crate::error::NodeError;
use crate::stages::Stages;

/// Bytes of a letter that a list shows.
const SHOWN: usize = 2_000;

/// The newest letters of a stream.
pub(crate) async fn list(
    stages: &Stages,
    stream: &str,
    letters: &LetterSelection,
    limit: usize,
) -> Result<Vec<DeadLetter>, NodeError> {
    stages.stream(stream)?;
    let listed = newest_letters(&stages.dead[stream], &filter(letters), limit, SHOWN).await?;
    Ok(listed.into_iter().map(|letter| view(letter, false)).collect())
}

/// One letter, whole.
pub(crate) async fn find(
    stages: &Stages,
    stream: &str,
    lane: LaneView,
    partition: u32,
    offset: u64,
) -> Result<DeadLetter, NodeError> {
    stages.stream(stream)?;
    let filter = LetterFilter {
        lane: Some(lane_of(lane)),
        partition: Some(Partition(partition)),
        from: Some(Offset(offset)),
        to: Some(Offset(offset.saturating_add(1))),
        ..LetterFilter::default()
    };
    let found = newest_letters(&stages.dead[stream], &filter, 1, usize::MAX).await?;
    let letter = found.into_iter().next().map(|letter| view(letter, true));
    letter.ok_or_else(|| NodeError::NoLetter { stream: stream.to_owned(), lane: lane_of(lane), partition, offset })
}

/// Takes letters of a stream out, on each of its lanes that is meant. The lanes have to run.
pub(crate) async fn remove(
    stages: &Stages,
    stream: &str,
    letters: &LetterSelection,
    action: LetterAction,
) -> Result<OutcomeView, NodeError> {
    stages.stream(stream)?;
    if !stages.stream_lanes.lock().expect("nobody panics while taking the lanes").is_empty() {
        return Err(NodeError::NotStarted);
    }
    let filter = filter(letters);
    let mut outcome = LetterOutcome::default();
    if filter.lane != Some(Lane::Stream) {
        let lane = Arc::clone(&stages.batch_lanes[stream]);
        let (action, filter) = (action.clone(), filter.clone());
        // In a task of its own: commits that were begun are finished even if nobody waits for the answer.
        let work = tokio::spawn(async move { lane.lock().await.remove_letters(&action, &filter).await });
        outcome.add(work.await.expect("taking letters out does not panic")?);
    }
    if filter.lane != Some(Lane::Batch) {
        outcome.add(stages.letter_desks[stream].remove_letters(action, filter).await?);
    }
    let LetterOutcome { rows, duplicates, filtered, dropped, dead } = outcome;
    Ok(OutcomeView { rows, duplicates, filtered, dropped, dead })
}

/// The bytes of a letter as the API gives it: where they are no text they are in base64, too. `None` where that is none.
pub fn letter_bytes(raw: &str, raw_base64: Option<&str>) -> Option<Vec<u8>> {
    raw_base64.map_or_else(|| Some(raw.as_bytes().to_vec()), |text| STANDARD.decode(text).ok())
}

fn filter(letters: &LetterSelection) -> LetterFilter {
    LetterFilter {
        lane: letters.lane.map(lane_of),
        partition: letters.partition.map(Partition),
        from: letters.from.map(Offset),
        to: letters.to.map(Offset),
        since: letters.since_ms.map(Timestamp::from_millis),
        reason: letters.reason.clone(),
    }
}

fn lane_of(lane: LaneView) -> Lane {
    match lane {
        LaneView::Batch => Lane::Batch,
        LaneView::Stream => Lane::Stream,
    }
}

fn view(listed: ListedLetter, whole: bool) -> DeadLetter {
    let ListedLetter { letter, bytes } = listed;
    let raw = letter.raw.unwrap_or_default();
    let text = String::from_utf8_lossy(&raw).into_owned();
    DeadLetter {
        lane: if letter.lane == Lane::Batch.as_str() { LaneView::Batch } else { LaneView::Stream },
        topic: letter.topic,
        partition: letter.position.partition.0,
        offset: letter.position.offset.0,
        arrived_ms: letter.arrived.map(Timestamp::as_millis),
        rejected_ms: letter.rejected.as_millis(),
        reason: letter.reason,
        place: letter.place,
        bytes,
        raw_base64: (whole && text.as_bytes() != raw).then(|| STANDARD.encode(&raw)),
        raw: text,
    }
}
