//! How an emulation goes, on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pinflow_source::Progress;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Terminal;

const REDRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(5);

/// Shows the counts of an emulation until it is dropped.
pub struct EmulationDisplay {
    task: tokio::task::JoinHandle<()>,
}

impl EmulationDisplay {
    /// Shows `progress`, of `events` altogether where that is known.
    pub fn begin(terminal: &Terminal, progress: Arc<Progress>, events: Option<u64>) -> Self {
        let terminal = terminal.clone();
        let task = if terminal.is_quiet() {
            tokio::spawn(async {})
        } else if io::stderr().is_terminal() {
            tokio::spawn(draw(progress, events))
        } else {
            tokio::spawn(write_lines(terminal, progress, events))
        };
        Self { task }
    }
}

impl Drop for EmulationDisplay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn draw(progress: Arc<Progress>, events: Option<u64>) {
    let bar = match events {
        Some(events) => {
            ProgressBar::new(events).with_style(style("{bar:32} {human_pos}/{human_len} events  {msg}  {eta}"))
        }
        None => ProgressBar::no_length().with_style(style("{spinner} {human_pos} events  {msg}")),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    // Cleared when the task is dropped: the report that follows says more.
    let bar = Cleared(bar);
    let began = Instant::now();
    let mut tick = ticks(REDRAW);
    loop {
        tick.tick().await;
        let counts = progress.total();
        bar.0.set_position(counts.accepted + counts.refused);
        bar.0.set_message(rate_and_errors(&progress, began));
    }
}

async fn write_lines(terminal: Terminal, progress: Arc<Progress>, events: Option<u64>) {
    let began = Instant::now();
    let mut tick = ticks(LINE);
    // The first tick is at once, when there is nothing to tell.
    tick.tick().await;
    loop {
        tick.tick().await;
        let counts = progress.total();
        let of = events.map(|events| format!(" of {events}")).unwrap_or_default();
        terminal.note(format!(
            "  {}{of} events, {}",
            counts.accepted + counts.refused,
            rate_and_errors(&progress, began)
        ));
    }
}

fn rate_and_errors(progress: &Progress, began: Instant) -> String {
    let counts = progress.total();
    let seconds = began.elapsed().as_secs_f64().max(0.001);
    let errors = match (counts.refused, counts.retried) {
        (0, 0) => "no errors".to_owned(),
        (refused, retried) => format!("{refused} refused, {retried} sent again"),
    };
    format!("{:.0}/s, {errors}", (counts.accepted + counts.refused) as f64 / seconds)
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is sound").progress_chars("█▉▊▋▌▍▎▏ ")
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
