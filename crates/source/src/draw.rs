//! Draws linked rows at random, with replacement, as the original emulator does.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;

use crate::chance::Chance;
use crate::database::Database;
use crate::error::SourceError;
use crate::spec::SourceSpec;

/// The most links that are held in memory (8 bytes each, so 80 MB). Of a larger table that many are kept at random,
/// each with the same chance, and draws are made from those.
pub const LINKS_LIMIT: usize = 10_000_000;

/// Draws whose rows are fetched together.
const DRAWS_A_FETCH: usize = 500;

/// The stream number of the draws in the seed's chance; far above the numbers of generated rows.
const CHANCE_STREAM: u64 = u64::MAX;

/// A row of each table, linked: what one user did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// One event for each table that has a row with the drawn link, in the order of the tables.
    pub events: Vec<Event>,
}

/// A row on its way to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The stream's name in the pipeline.
    pub stream: Arc<str>,
    /// The link, as text: Kinesis' partition key.
    pub link: Arc<str>,
    /// The row as a JSON object.
    pub json: Bytes,
}

/// An endless sequence of draws; the same seed and tables give the same draws.
#[derive(Debug)]
pub struct Draws {
    database: Database,
    tables: Vec<LinkedTable>,
    links: Vec<i64>,
    chance: Chance,
    fetched: VecDeque<Draw>,
}

#[derive(Debug)]
struct LinkedTable {
    name: String,
    link: String,
    stream: Arc<str>,
}

impl Database {
    /// Reads the links of the first table of `spec`, to draw from. Where a table has several rows of one link, one of
    /// them is drawn; rows whose link is null are never drawn.
    ///
    /// # Errors
    /// [`SourceError::NoRows`], [`SourceError::BadLink`], [`SourceError::Table`].
    pub async fn draws(&self, spec: &SourceSpec, seed: u64) -> Result<Draws, SourceError> {
        let tables = spec.tables.iter().map(|table| LinkedTable {
            name: table.name.clone(),
            link: table.link.clone(),
            stream: table.stream.as_str().into(),
        });
        let tables: Vec<LinkedTable> = tables.collect();
        let mut chance = Chance::new(seed, CHANCE_STREAM);
        let links = self.links(&tables[0], LINKS_LIMIT, &mut chance).await?;
        Ok(Draws { database: self.clone(), tables, links, chance, fetched: VecDeque::new() })
    }

    /// At most `limit` links of `table`, each of them with the same chance.
    async fn links(&self, table: &LinkedTable, limit: usize, chance: &mut Chance) -> Result<Vec<i64>, SourceError> {
        let (name, link) = (self.dialect().quote(&table.name), self.dialect().quote(&table.link));
        let query = format!("SELECT {link} FROM {name} WHERE {link} IS NOT NULL ORDER BY {link}");
        let mut links = Vec::new();
        let mut seen = 0_u64;
        let mut bad = None;
        let visited = self.for_each_row(query, |row| {
            let json = row.json_of(&table.link)?;
            let Some(link) = parse_link(&json) else {
                bad.get_or_insert(json);
                return Ok(());
            };
            seen += 1;
            if links.len() < limit {
                links.push(link);
            } else {
                // Reservoir sampling: the n-th link replaces one of those kept with chance limit/n.
                let place = chance.below(seen);
                if place < limit as u64 {
                    links[place as usize] = link;
                }
            }
            Ok(())
        });
        visited.await.map_err(self.table_error("read", &table.name))?;
        if let Some(value) = bad {
            return Err(SourceError::BadLink { table: table.name.clone(), column: table.link.clone(), value });
        }
        if links.is_empty() {
            return Err(SourceError::NoRows { table: table.name.clone(), address: self.address.to_string() });
        }
        if seen > limit as u64 {
            tracing::warn!(table = table.name, rows = seen, limit, "drawing from a random part of the rows");
        }
        Ok(links)
    }
}

impl Draws {
    /// The next draw.
    ///
    /// # Errors
    /// [`SourceError::Table`], [`SourceError::BadLink`].
    pub async fn next(&mut self) -> Result<Draw, SourceError> {
        loop {
            if let Some(draw) = self.fetched.pop_front() {
                return Ok(draw);
            }
            self.fetch().await?;
        }
    }

    /// The draws as a stream, which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Draw, SourceError>> + Send {
        futures::stream::try_unfold(self, |mut draws| async move { draws.next().await.map(|draw| Some((draw, draws))) })
    }

    async fn fetch(&mut self) -> Result<(), SourceError> {
        let drawn: Vec<i64> = (0..DRAWS_A_FETCH).map(|_| self.links[self.chance.index(self.links.len())]).collect();
        let distinct: BTreeSet<i64> = drawn.iter().copied().collect();
        let list = distinct.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let mut rows_by_table = Vec::new();
        for table in &self.tables {
            rows_by_table.push(self.rows(table, &list).await?);
        }
        for link in drawn {
            let key: Arc<str> = link.to_string().into();
            let events = self.tables.iter().zip(&rows_by_table).filter_map(|(table, rows)| {
                let json = rows.get(&link)?.clone();
                Some(Event { stream: table.stream.clone(), link: key.clone(), json })
            });
            self.fetched.push_back(Draw { events: events.collect() });
        }
        Ok(())
    }

    /// The rows of `table` with the links in `list`, as events.
    async fn rows(&self, table: &LinkedTable, list: &str) -> Result<HashMap<i64, Bytes>, SourceError> {
        let dialect = self.database.dialect();
        let (name, link) = (dialect.quote(&table.name), dialect.quote(&table.link));
        let mut rows = HashMap::new();
        let visited = self.database.for_each_row(format!("SELECT * FROM {name} WHERE {link} IN ({list})"), |row| {
            // What is no whole number is none of the links asked for.
            if let Some(link) = parse_link(&row.json_of(&table.link)?) {
                rows.entry(link).or_insert(row.event()?);
            }
            Ok(())
        });
        visited.await.map_err(self.database.table_error("read", &table.name))?;
        Ok(rows)
    }
}

/// Reads a link from JSON: a number, or the text of one (what a decimal column gives).
fn parse_link(json: &str) -> Option<i64> {
    json.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::address::Address;

    #[tokio::test]
    async fn of_more_links_than_are_held_each_is_kept_with_the_same_chance() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::sqlite(&folder.path().join("many.db"));
        let database = Database::connect_or_create(&address).await.unwrap();
        let fill = "CREATE TABLE many (id BIGINT); WITH RECURSIVE n(id) AS \
                    (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 9999) INSERT INTO many SELECT id FROM n";
        database.for_each_row(fill.into(), |_| Ok(())).await.unwrap();
        let table = LinkedTable { name: "many".into(), link: "id".into(), stream: "s".into() };
        let links = database.links(&table, 1_000, &mut Chance::new(1, 0)).await.unwrap();
        assert_eq!(links.len(), 1_000);
        assert_eq!(links.iter().collect::<BTreeSet<_>>().len(), 1_000, "none is kept twice");
        let upper_half = links.iter().filter(|link| **link >= 5_000).count();
        assert!((430..570).contains(&upper_half), "{upper_half} of 1,000 from the upper half");
        let all = database.links(&table, 10_000, &mut Chance::new(1, 0)).await.unwrap();
        assert_eq!(all, (0..10_000).collect::<Vec<i64>>());
    }
}
