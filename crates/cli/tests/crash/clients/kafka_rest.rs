//! What clients of Kafka REST ask for.

use serde_json::{Value, json};

use super::{Client, Gone};
use crate::event::EventId;
use crate::ledger::{Destination, Mark, Place};
use crate::topics::{GROUP, KAFKA, PARTITIONS};

const JSON: &str = "application/vnd.kafka.json.v2+json";

impl Client {
    /// Produces records; their places where they are acknowledged.
    pub(super) async fn produce(
        &self,
        topic: &str,
        records: &[(EventId, Destination)],
    ) -> Result<Option<Vec<Place>>, Gone> {
        let record = |(id, destination): &(EventId, Destination)| match destination {
            Destination::Partition(partition) => format!(r#"{{"partition":{partition},"value":{}}}"#, id.json()),
            Destination::Key(key) => format!(r#"{{"key":"{key}","value":{}}}"#, id.json()),
            Destination::Anywhere => format!(r#"{{"value":{}}}"#, id.json()),
        };
        let records: Vec<String> = records.iter().map(record).collect();
        let request = self
            .http
            .post(format!("{}/topics/{topic}", self.url))
            .header("content-type", JSON)
            .body(format!(r#"{{"records":[{}]}}"#, records.join(",")));
        let Some(reply) = self.ask(request).await? else { return Ok(None) };
        let place = |entry: &Value| {
            let (partition, offset) = (entry["partition"].as_u64()?, entry["offset"].as_u64()?);
            Some(Place { partition: u32::try_from(partition).ok()?, mark: Mark::Offset(offset) })
        };
        Ok(self.places(&reply, reply["offsets"].as_array(), place))
    }

    /// Commits the next offset for all partitions at once, by a consumer instance of its own.
    pub(super) async fn commit(&mut self) -> Result<(), Gone> {
        let Some(instance) = &self.instance else {
            let request = self.http.post(format!("{}/consumers/{GROUP}", self.url)).header("content-type", JSON);
            let made = self.ask(request.body(r#"{"format":"json"}"#)).await?.unwrap_or_default();
            self.instance = made["base_uri"].as_str().map(str::to_owned);
            return Ok(());
        };
        let offset = self.ledger.begin_commit();
        let commit = |partition| json!({ "topic": KAFKA, "partition": partition, "offset": offset });
        let offsets: Vec<Value> = (0..PARTITIONS).map(commit).collect();
        let request = self.http.post(format!("{instance}/offsets")).header("content-type", JSON);
        if self.ask(request.body(json!({ "offsets": offsets }).to_string())).await?.is_some() {
            self.ledger.acknowledge_commit(offset);
        }
        Ok(())
    }
}
