//! What the demo prints: answers, balance, verdict, and where to look.

use pinflow_pipeline::Pipeline;
use url::Url;

use crate::output::{Format, counted};
use crate::reach::model::{Answer, BalanceRow, Reconciliation, Run};
use crate::report;
use crate::session::Session;

/// Rows of an answer that are shown.
const ROWS: usize = 10;

/// Each answer of `run` as a table, with its title, rows and milliseconds.
pub fn answers(session: &Session, answers: &[Answer], run: &Run) -> std::io::Result<()> {
    let terminal = &session.terminal;
    let of_this_run = answers.iter().filter(|answer| answer.run_id.as_deref() == Some(run.id.as_str()));
    for (index, answer) in of_this_run.enumerate() {
        let elapsed = answer.elapsed_ms.map(|ms| format!(", {ms} ms")).unwrap_or_default();
        terminal.print(format!("\n{}", terminal.title(&format!("{}. {}", index + 1, answer.title))))?;
        let (name, total) = (answer.name.clone(), answer.total_rows);
        let rows = answer.clone().into_rows();
        terminal.print(rows.first(ROWS).text(Format::Table, terminal.width()))?;
        let shown = rows.rows.len().min(ROWS) as u64;
        let more = match total.saturating_sub(shown) {
            0 => String::new(),
            more => format!("; {more} more: {} query {name}", program(session)),
        };
        terminal.print(counted(total, "row") + &elapsed + &more)?;
    }
    Ok(())
}

/// Where every event stands, and whether the lanes hold the same rows.
pub fn balance(session: &Session, balance: &[BalanceRow], verdict: &[Reconciliation]) -> std::io::Result<()> {
    let terminal = &session.terminal;
    terminal.print(format!("\n{}", terminal.title("Where every event stands")))?;
    terminal.print(report::balance(balance).text(Format::Table, terminal.width()))?;
    let balances = balance.iter().all(|row| row.balances);
    terminal.print(if balances {
        terminal.good("balanced: every accepted event is a row, a duplicate, a dead letter, left out or in flight")
    } else {
        terminal.bad("NOT BALANCED: some accepted events are unaccounted for, or counted twice")
    })?;
    for stream in verdict {
        let note = stream.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
        terminal.print(if stream.equal {
            terminal.good(&format!(
                "reconciled: both lanes hold the same {} rows of `{}`",
                stream.batch_rows, stream.stream
            ))
        } else {
            terminal.bad(&format!(
                "THE LANES DIFFER on `{}`: {} only in batch, {} only in stream{note}",
                stream.stream,
                counted(stream.only_in_batch, "row"),
                stream.only_in_stream
            ))
        })?;
    }
    Ok(())
}

/// What can be looked at while the node stays up.
pub fn where_to_look(session: &Session, pipeline: &Pipeline, url: &Url) {
    let data = session.settings().data().display();
    let program = program(session);
    let query = pipeline.queries.first().map_or("\"SELECT count(*) FROM ...\"", |query| &query.name);
    let topic = pipeline.streams.first().map(|stream| stream.batch.topic.to_string()).unwrap_or_default();
    session.terminal.note(format!(
        "\nThe node stays up; Ctrl-C drains and ends it. Look at:
  dashboard  {url}dashboard
  API        {url}api/overview
  tables     {data}/tables (Delta), raw objects in {data}/archive
  answers    {program} query {query} --chart
  events     {program} tail {topic} --from 3
  counts     {program} status"
    ));
}

/// How the program is called on this data folder.
fn program(session: &Session) -> String {
    let mut call = "pinflow".to_owned();
    if session.configuration.is_set("data") {
        call.push_str(&format!(" --data {}", session.settings().data().display()));
    }
    if let Some(folder) = &session.settings().pipeline {
        call.push_str(&format!(" --pipeline {}", folder.display()));
    }
    call
}
