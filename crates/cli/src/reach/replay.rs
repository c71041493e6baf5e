//! Replays, on a running node or on the folder itself.

use std::time::Duration;

use pinflow_node::{ReplayRequest, ReplayState, ReplayView, point};
use pinflow_pipeline::Lane;
use serde_json::json;

use super::Reach;

const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Reach {
    /// Begins to build a lane's table anew. A folder's lanes have to be started before.
    pub async fn start_replay(
        &self,
        stream: &str,
        lane: Lane,
        from: Option<&str>,
        to: Option<&str>,
    ) -> anyhow::Result<()> {
        let read = |text: Option<&str>| text.map(point).transpose();
        let request = ReplayRequest { lane, from: read(from)?, to: read(to)? };
        match self {
            Self::Remote(remote) => {
                let body = json!({ "lane": lane.as_str(), "from": from, "to": to });
                remote.post::<ReplayView>(&["replays", stream], &body).await?;
            }
            Self::Folder(folder) => drop(folder.node.replays().start(stream, request)?),
        }
        Ok(())
    }

    /// Begins to put what was built in the live table's place.
    pub async fn swap_replay(&self, stream: &str, lane: Lane) -> anyhow::Result<()> {
        match self {
            Self::Remote(remote) => {
                remote.post_to_lane::<ReplayView>(&["replays", stream, "swap"], lane.as_str()).await?;
            }
            Self::Folder(folder) => drop(folder.node.replays().swap(stream, lane)?),
        }
        Ok(())
    }

    /// Waits for a replay that is under way; `look` is shown how it gets on.
    pub async fn wait_for_replay(
        &self,
        stream: &str,
        lane: Lane,
        look: impl Fn(&ReplayView),
    ) -> anyhow::Result<ReplayView> {
        loop {
            let view = match self {
                Self::Remote(remote) => remote.get_of_lane(&["replays", stream], lane.as_str()).await?,
                Self::Folder(folder) => folder.node.replays().view(stream, lane)?,
            };
            if !matches!(view.state, ReplayState::Building | ReplayState::Swapping) {
                return Ok(view);
            }
            look(&view);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Gives a replay up.
    pub async fn discard_replay(&self, stream: &str, lane: Lane) -> anyhow::Result<()> {
        match self {
            Self::Remote(remote) => Ok(remote.delete_of_lane(&["replays", stream], lane.as_str()).await?),
            Self::Folder(folder) => Ok(folder.node.replays().discard(stream, lane).await?),
        }
    }
}
