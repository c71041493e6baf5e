//! Waiting until the stages have caught up with what is acknowledged.

use std::time::{Duration, Instant};

use pinflow_event::{Offset, TopicPartition};
use pinflow_pipeline::{Lane, Stream};

use crate::error::NodeError;
use crate::stages::{Stages, archived_topics};

/// How often a lane's position is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a lane may be in trouble before waiting for it ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns once the archive and all stream lanes have what is acknowledged by now.
pub(crate) async fn all(stages: &Stages) -> Result<(), NodeError> {
    for topic in archived_topics(&stages.config) {
        let ends = stages.ends(&topic).await?;
        stages.archive.flush_through(&ends).await?;
    }
    for stream in &stages.pipeline().streams {
        stream_lane(stages, stream).await?;
    }
    Ok(())
}

/// Returns once the stream lane of `stream` has committed what is acknowledged by now. The lane has to run.
pub(crate) async fn stream_lane(stages: &Stages, stream: &Stream) -> Result<(), NodeError> {
    let ends = stages.ends(&stream.stream.topic).await?;
    let status = &stages.statuses[&(Lane::Stream, stream.name.clone())];
    let mut trouble_since = None;
    loop {
        let now = status.get();
        let reached = |(at, end): &(TopicPartition, Offset)| {
            *end == Offset::ZERO || now.position.get(&at.partition).is_some_and(|position| position >= end)
        };
        if ends.iter().all(reached) {
            return Ok(());
        }
        match now.trouble {
            None => trouble_since = None,
            Some(cause) => {
                let since = *trouble_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(NodeError::LaneStuck { lane: Lane::Stream, stream: stream.name.clone(), cause });
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
