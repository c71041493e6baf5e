//! What people and programs read: data on stdout, all else on stderr.

mod chart;
mod escape;
mod progress;
mod rows;
mod table;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use console::{Style, Term};

pub use chart::bars;
pub use escape::visible;
pub use progress::EmulationDisplay;
pub use rows::{Format, Rows};

/// `1 row`, `2 rows`.
pub fn counted(number: impl Into<u64>, thing: &str) -> String {
    match number.into() {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// In every case.
    Always,
    /// In no case.
    Never,
}

/// Where output goes.
#[derive(Clone, Debug)]
pub struct Terminal {
    choice: ColorChoice,
    quiet: bool,
}

impl Terminal {
    /// Output as the user wants it.
    pub fn new(choice: ColorChoice, quiet: bool) -> Self {
        Self { choice, quiet }
    }

    /// Writes data to stdout, with a line break at the end.
    ///
    /// # Errors
    /// What the system says; `BrokenPipe` where nobody reads any more.
    pub fn print(&self, text: impl AsRef<str>) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let text = text.as_ref();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// As [`Terminal::print`].
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Tells people something on stderr, unless they want quiet.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.stderr(text.as_ref());
        }
    }

    /// Tells people what failed and what to do.
    pub fn error(&self, error: &anyhow::Error) {
        let word = self.style(self.colors(), Style::new().red().bold()).apply_to("error:");
        self.stderr(&format!("{word} {error:#}"));
    }

    fn stderr(&self, text: &str) {
        // Where stderr is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Whether the user wants quiet.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stderr shows colours.
    pub fn colors(&self) -> bool {
        self.wants_colors(io::stderr().is_terminal())
    }

    /// The columns of stdout's terminal; `None` where it is none.
    pub fn width(&self) -> Option<u16> {
        io::stdout().is_terminal().then(|| Term::stdout().size().1)
    }

    /// `text` as a title on stdout.
    pub fn title(&self, text: &str) -> String {
        self.on_stdout(text, Style::new().bold())
    }

    /// `text` as good news on stdout.
    pub fn good(&self, text: &str) -> String {
        self.on_stdout(text, Style::new().green())
    }

    /// `text` as bad news on stdout.
    pub fn bad(&self, text: &str) -> String {
        self.on_stdout(text, Style::new().red().bold())
    }

    fn on_stdout(&self, text: &str, style: Style) -> String {
        self.style(self.wants_colors(io::stdout().is_terminal()), style).apply_to(text).to_string()
    }

    fn style(&self, colors: bool, style: Style) -> Style {
        style.force_styling(colors)
    }

    fn wants_colors(&self, is_terminal: bool) -> bool {
        match self.choice {
            ColorChoice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        }
    }
}
