//! What the stream lanes have not committed yet, for queries.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pinflow_event::Offset;
use pinflow_lane::{FreshTail, SharedStatus};
use pinflow_query::{FreshRows, Tail};

/// The tails of all stream lanes and how the lanes are, by their streams.
#[derive(Debug)]
pub(crate) struct StreamTails(pub BTreeMap<String, (FreshTail, SharedStatus)>);

impl StreamTails {
    fn of(&self, stream: &str) -> Result<&(FreshTail, SharedStatus), String> {
        self.0.get(stream).ok_or_else(|| format!("there is no stream `{stream}`"))
    }
}

#[async_trait]
impl FreshRows for StreamTails {
    async fn applications(&self, stream: &str) -> Result<Vec<String>, String> {
        let applications = self.of(stream)?.0.applications().await.map_err(|error| error.to_string())?;
        Ok(applications.into_iter().map(|(_, application)| application).collect())
    }

    async fn tail(&self, stream: &str, progress: &[i64]) -> Result<Tail, String> {
        let (tail, status) = self.of(stream)?;
        let partitions = tail.applications().await.map_err(|error| error.to_string())?;
        if partitions.len() != progress.len() {
            // A partition was added in between.
            return Ok(Tail::Moved { trouble: None });
        }
        let positions = partitions.into_iter().map(|(partition, _)| partition);
        let positions = positions.zip(progress.iter().map(|offset| Offset(offset.unsigned_abs()))).collect();
        Ok(match tail.rows(positions).await.map_err(|error| error.to_string())? {
            pinflow_lane::FreshRows::Rows(rows) => Tail::Rows(vec![rows]),
            pinflow_lane::FreshRows::Moved => Tail::Moved { trouble: status.get().trouble },
            pinflow_lane::FreshRows::OtherColumns { reason } => return Err(reason),
            pinflow_lane::FreshRows::TooFar { records } => Tail::TooFar { records },
        })
    }
}
