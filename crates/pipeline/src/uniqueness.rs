//! One table has one writer, and one topic feeds one stream of a lane.

use std::collections::BTreeMap;

use pinflow_event::TopicName;

use crate::Lane;
use crate::context::Context;

/// What the lanes of the streams lay claim to.
#[derive(Default)]
pub(crate) struct Claims {
    tables: BTreeMap<(Lane, String), Vec<Claim>>,
    topics: BTreeMap<(Lane, String), Vec<Claim>>,
}

struct Claim {
    stream: String,
    name: String,
    line: u64,
}

impl Claims {
    /// `stream` writes `table` on `lane`.
    pub(crate) fn table(&mut self, lane: Lane, table: &str, stream: &str, line: u64) {
        // Some file systems do not tell upper case from lower case.
        let key = (lane, table.to_ascii_lowercase());
        self.tables.entry(key).or_default().push(Claim { stream: stream.to_owned(), name: table.to_owned(), line });
    }

    /// `stream` reads `topic` on `lane`.
    pub(crate) fn topic(&mut self, lane: Lane, topic: &TopicName, stream: &str, line: u64) {
        let key = (lane, topic.as_str().to_owned());
        self.topics.entry(key).or_default().push(Claim { stream: stream.to_owned(), name: topic.to_string(), line });
    }

    /// Notes what more than one stream claims.
    pub(crate) fn report(&self, context: Context<'_>) {
        report(&self.tables, "write table", "give one of them another `table`", context);
        report(&self.topics, "read topic", "give one of them another `topic`", context);
    }
}

fn report(claims: &BTreeMap<(Lane, String), Vec<Claim>>, verb: &str, hint: &str, context: Context<'_>) {
    for ((lane, _), claims) in claims {
        let Some((first, others)) = claims.split_first() else {
            continue;
        };
        for other in others {
            let message = format!(
                "streams `{}` and `{}` both {verb} `{}` on the {lane} lane (the first on line {})",
                first.stream, other.stream, other.name, first.line
            );
            context.problem(other.line, message, hint.to_owned());
        }
    }
}
