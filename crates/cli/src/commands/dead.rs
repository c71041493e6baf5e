//! `pinflow dead`: what could not be cleaned, and what is done with it.

use anyhow::Context;
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use clap::{Args, Subcommand};
use pinflow_dashboard::view::{Lane as LaneView, LetterSelection};
use pinflow_event::{Clock, Timestamp};
use pinflow_node::{SystemClock, letter_bytes};

use super::lane::LaneChoice;
use crate::config::{ConfigError, duration};
use crate::exit::Status;
use crate::output::{Format, visible};
use crate::reach::Reach;
use crate::report;
use crate::session::Session;

/// Characters of a record that people are shown.
const SHOWN: usize = 2_000;

/// List what could not be cleaned, and why; clean it again, or give it up
#[derive(Debug, Args)]
pub struct Dead {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List a stream's newest dead letters
    List(List),
    /// Show one dead letter
    ///
    /// A table shows the first 2,000 characters of its record, `--format json` and `--raw` all of it.
    Show(Show),
    /// Clean dead letters again, after the SQL or the schema was mended
    ///
    /// Each letter ends in one place: a row, a duplicate, left out by WHERE, or a dead letter again, with its new reason.
    Retry(Retry),
    /// Give dead letters up; the table's history keeps how many and why
    Drop(Drop),
}

/// Which letters of a stream are meant.
#[derive(Debug, Args)]
struct Letters {
    /// The stream
    stream: String,
    /// Of one lane
    #[arg(long, value_enum)]
    lane: Option<LaneChoice>,
    /// Of one partition
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// With these offsets: `7`, `7..20` (without 20), `7..` or `..20`
    #[arg(long, value_name = "RANGE", value_parser = offsets)]
    offsets: Option<Offsets>,
    /// Rejected since then: a time span back, as in `2h`, or a time, as in `2026-08-28T03:52:47Z`
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// With this text in their reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// From the first to before the second.
#[derive(Clone, Copy, Debug, Default)]
struct Offsets(Option<u64>, Option<u64>);

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    letters: Letters,
    /// The most that are listed
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// How they are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Show {
    /// The stream
    stream: String,
    /// The lane that it is of
    #[arg(long, value_enum, default_value = "stream")]
    lane: LaneChoice,
    /// Its partition
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: u32,
    /// Its offset
    #[arg(long, value_name = "N")]
    offset: u64,
    /// Writes the record itself, byte by byte, and nothing else
    #[arg(long, conflicts_with = "format")]
    raw: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    letters: Letters,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Drop {
    #[command(flatten)]
    letters: Letters,
    /// Why they are given up
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// All letters of the stream are meant
    #[arg(long)]
    all: bool,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Dead {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        match self.action {
            Action::List(list) => list.run(session).await,
            Action::Show(show) => show.run(session).await,
            Action::Retry(Retry { letters, format }) => letters.remove(None, format, session).await,
            Action::Drop(Drop { letters, note, all, format }) => {
                if !all && letters.selection() == LetterSelection::default() {
                    let problem = format!("all dead letters of `{}` would be given up", visible(&letters.stream));
                    let hint = "say which ones, or `--all`".to_owned();
                    return Err(ConfigError::Unfit { problem, hint }.into());
                }
                letters.remove(Some(&note), format, session).await
            }
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        let letters = reach.dead(&self.letters.stream, &self.letters.selection(), self.limit.into()).await;
        reach.close().await?;
        session.terminal.print(report::dead(&letters?).text(self.format, session.terminal.width()))?;
        Ok(Status::Success)
    }
}

impl Show {
    async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        let letter = reach.dead_letter(&self.stream, self.lane.into(), self.partition, self.offset).await;
        reach.close().await?;
        let letter = letter?;
        if self.raw {
            let bytes = letter_bytes(&letter.raw, letter.raw_base64.as_deref());
            session.terminal.write(&bytes.context("the node gave a record whose base64 is none")?)?;
            return Ok(Status::Success);
        }
        let shown = if self.format == Format::Table { SHOWN } else { usize::MAX };
        session.terminal.print(report::dead_letter(&letter, shown).text(self.format, session.terminal.width()))?;
        if self.format == Format::Table && letter.raw.chars().nth(SHOWN).is_some() {
            session
                .terminal
                .note(format!("these are the first {SHOWN} characters; `--raw` writes all {} bytes", letter.bytes));
        }
        Ok(Status::Success)
    }
}

impl Letters {
    fn selection(&self) -> LetterSelection {
        let Offsets(from, to) = self.offsets.unwrap_or_default();
        LetterSelection {
            lane: self.lane.map(LaneView::from),
            partition: self.partition,
            from,
            to,
            since_ms: self.since.map(Timestamp::as_millis),
            reason: self.reason.clone(),
        }
    }

    /// Gives letters up where there is a note, else cleans them again. A folder's lanes have to run for that, so what is in the log is
    /// brought to the tables before.
    async fn remove(self, note: Option<&str>, format: Format, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        if let Reach::Folder(folder) = &reach {
            folder.catch_up().await?;
        }
        let selection = self.selection();
        let outcome = match note {
            None => reach.retry_dead(&self.stream, &selection).await,
            Some(note) => reach.drop_dead(&self.stream, &selection, note).await,
        };
        reach.close().await?;
        session.terminal.print(report::letter_outcome(&outcome?).text(format, session.terminal.width()))?;
        Ok(Status::Success)
    }
}

fn offsets(text: &str) -> Result<Offsets, String> {
    let number = |text: &str| match text {
        "" => Ok(None),
        digits => digits.parse().map(Some),
    };
    let range = match text.split_once("..") {
        Some((from, to)) => number(from).and_then(|from| Ok(Offsets(from, number(to)?))),
        None => text.parse().map(|offset: u64| Offsets(Some(offset), Some(offset.saturating_add(1)))),
    };
    range.map_err(|_| "write an offset or a range, as in `7`, `7..20`, `7..`, `..20`".to_owned())
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(age) = duration::read(text) {
        return Ok(SystemClock.now().minus(age));
    }
    // As it is listed: in UTC.
    let listed = |_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc().into());
    DateTime::parse_from_rfc3339(text)
        .or_else(listed)
        .map(|time: DateTime<FixedOffset>| Timestamp::from_millis(time.timestamp_millis()))
        .map_err(|_| "write a time span back, as in `2h`, or a time, as in `2026-08-28T03:52:47Z`".to_owned())
}
