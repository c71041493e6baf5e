//! Ctrl-C and SIGTERM: the first drains, the second ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::output::Terminal;

/// Tells when the user wants the program to end.
#[derive(Clone, Debug)]
pub struct Interrupt {
    token: CancellationToken,
}

impl Interrupt {
    /// Watches the signals from now on.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn watch(terminal: Terminal) -> io::Result<Self> {
        let token = CancellationToken::new();
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(listen(interrupt, terminate, token.clone(), terminal));
        Ok(Self { token })
    }

    /// Is cancelled by the first signal.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Whether there was a signal.
    pub fn happened(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns at the first signal.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, token: CancellationToken, terminal: Terminal) {
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    token.cancel();
    terminal.note("ending: what is under way is finished first; Ctrl-C again ends at once");
    next().await;
    terminal.note("ended at once; what was acknowledged is on disk, and the next start goes on from there");
    std::process::exit(130);
}
