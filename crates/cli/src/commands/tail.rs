//! `pinflow tail`: a topic's records as they are in the log.

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use pinflow_event::TopicName;
use pinflow_node::TailFrom;

use crate::exit::Status;
use crate::reach::Reach;
use crate::session::Session;

/// Show a topic's records, a JSON object a line
#[derive(Debug, Args)]
pub struct Tail {
    /// The topic: a Kafka topic or a Kinesis stream, as in `demo.pin`
    topic: String,
    /// Where to begin: `beginning`, `end`, or so many records before the end
    #[arg(long, value_name = "beginning|end|N", default_value = "beginning", value_parser = from)]
    from: TailFrom,
    /// Goes on with the records that come
    #[arg(short, long)]
    follow: bool,
}

fn from(text: &str) -> Result<TailFrom, String> {
    match text {
        "beginning" => Ok(TailFrom::Beginning),
        "end" => Ok(TailFrom::End),
        count => {
            count.parse().map(TailFrom::Last).map_err(|_| "write `beginning`, `end` or a number of records".to_owned())
        }
    }
}

impl Tail {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let topic = TopicName::new(&self.topic)?;
        let reach = Reach::open(session).await?;
        let mut records = reach.tail(&topic, self.from, self.follow).await?;
        let outcome = loop {
            let record = tokio::select! {
                record = records.next() => record,
                () = session.interrupt.wait() => break Ok(()),
            };
            let Some(record) = record else { break Ok(()) };
            let printed = record.and_then(|record| {
                let line = serde_json::to_string(&record).context("a record cannot be written as JSON")?;
                Ok(session.terminal.print(line)?)
            });
            if printed.is_err() {
                break printed;
            }
        };
        drop(records);
        reach.close().await?;
        outcome.map(|()| Status::Success)
    }
}
