//! Where every accepted event is: nothing may die silently.
//!
//! The sides of the balance are counted apart. Accepted is what the log says; committed, dead, duplicates and filtered are what
//! the tables say; in flight is the distance between the log's end and the position in the table.

use pinflow_dashboard::view::{BalanceRow, Lane as LaneView};
use pinflow_event::Offset;
use pinflow_pipeline::{Lane, Stream};

use crate::error::NodeError;
use crate::stages::{Stages, archived_topics};

/// The balance of every lane of every stream. An archive that somebody else writes has none: what they accepted is not known here.
pub(crate) async fn rows(stages: &Stages) -> Result<Vec<BalanceRow>, NodeError> {
    let mut rows = Vec::new();
    let foreign = |lane: &Lane| *lane == Lane::Batch && stages.config.archive.read_only;
    for lane in Lane::ALL.into_iter().filter(|lane| !foreign(lane)) {
        for stream in &stages.pipeline().streams {
            rows.push(row(stages, lane, stream).await?);
        }
    }
    Ok(rows)
}

async fn row(stages: &Stages, lane: Lane, stream: &Stream) -> Result<BalanceRow, NodeError> {
    let topic = &stream.lane(lane).topic;
    // The status first: what arrives in between counts as in flight.
    let status = stages.statuses[&(lane, stream.name.clone())].get();
    // What is archived, too: the archive is never ahead of a log that was asked later.
    let archived = archived_topics(&stages.config).contains(topic).then(|| {
        let parts = stages.archive.status();
        parts.iter().filter(|part| part.topic == *topic).map(|part| part.next_offset.unwrap_or(Offset::ZERO).0).sum()
    });
    let ends = stages.ends(topic).await?;
    let accepted: u64 = ends.iter().map(|(_, end)| end.0).sum();
    let positions: u64 = status.position.values().map(|position| position.0).sum();
    let mut row = BalanceRow {
        lane: lane_view(lane),
        stream: stream.name.clone(),
        accepted,
        archived,
        committed: status.rows,
        duplicates: status.duplicates,
        filtered: status.filtered,
        dead: status.dead,
        dropped: status.dropped,
        in_flight: accepted.saturating_sub(positions),
        balances: false,
    };
    row.balances = row.processed() + row.in_flight == accepted && archived.is_none_or(|archived| archived <= accepted);
    Ok(row)
}

pub(crate) fn lane_view(lane: Lane) -> LaneView {
    match lane {
        Lane::Batch => LaneView::Batch,
        Lane::Stream => LaneView::Stream,
    }
}
