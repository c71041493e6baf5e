//! Somebody who changes tables: builds them anew and swaps them in, retries dead letters, gives some up.

use std::time::Duration;

use rand::RngExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Client, Gone};
use crate::rounds::STREAM;
use crate::topics::PARTITIONS;

/// The lanes, as the API names them.
pub const LANES: [&str; 2] = ["batch", "stream"];
/// How often a replay is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Dead letters that are given up together, at most: the others are there to be retried.
const MOST_DROPPED: u64 = 5;

impl Client {
    /// Builds a lane's table anew, and puts it in its place.
    pub async fn replay(&mut self) -> Result<(), Gone> {
        let lane = LANES[self.chance.random_range(0..LANES.len())];
        let replays = format!("{}/api/replays/{STREAM}", self.url);
        let mut view = self.operate(self.http.post(&replays).json(&json!({ "lane": lane }))).await?;
        let replay = format!("{replays}?lane={lane}");
        while let Some(state) = view.as_ref().map(|view| view["state"].clone()) {
            match state.as_str() {
                Some("building" | "swapping") => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    view = self.operate(self.http.get(&replay)).await?;
                }
                Some("ready") => {
                    let swap = format!("{replays}/swap?lane={lane}");
                    view = self.operate(self.http.post(swap)).await?;
                }
                Some("swapped") => {
                    self.ledger.count_swap();
                    break;
                }
                _ => {
                    self.ledger.complain(format!("the replay of the {lane} lane: {view:?}"));
                    break;
                }
            }
        }
        self.rest().await;
        Ok(())
    }

    /// Retries all dead letters, or gives a few of a partition up.
    pub async fn handle_letters(&mut self) -> Result<(), Gone> {
        let dead = format!("{}/api/dead/{STREAM}", self.url);
        if self.chance.random_range(0..3) > 0 {
            self.operate(self.http.post(format!("{dead}/retry")).json(&json!({}))).await?;
        } else {
            let partition = self.chance.random_range(0..PARTITIONS);
            let from = self.chance.random_range(0..400);
            let letters = json!({ "partition": partition, "from": from, "to": from + MOST_DROPPED });
            let request = json!({ "letters": letters, "note": "given up by a test" });
            self.operate(self.http.post(format!("{dead}/drop")).json(&request)).await?;
        }
        self.rest().await;
        Ok(())
    }

    async fn rest(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..200))).await;
    }

    /// The reply's body; `None` where something else is under way that has to end first.
    async fn operate(&self, request: RequestBuilder) -> Result<Option<Value>, Gone> {
        let response = request.send().await.map_err(|_| Gone)?;
        let status = response.status();
        let text = response.text().await.map_err(|_| Gone)?;
        match status.as_u16() {
            200 | 202 => return Ok(Some(serde_json::from_str(&text).unwrap_or_default())),
            409 => {}
            _ => self.ledger.complain(format!("{status}: {text}")),
        }
        Ok(None)
    }
}
