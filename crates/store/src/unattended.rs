//! Puts that go on although whoever waited for them has given up: the thread that writes cannot be stopped half-way.
//!
//! What such a put stores would otherwise appear at any later time, behind the back of whoever read the store to find out how far
//! things had got. So reads and listings wait for them.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// How many puts of a store nobody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unattended(Arc<watch::Sender<usize>>);

/// A put on its thread. Dropped before its end, it is unattended until then.
struct Put<T: Send + 'static> {
    /// `None` once its end is known.
    work: Option<JoinHandle<T>>,
    unattended: Unattended,
    runtime: Handle,
}

impl Unattended {
    /// Does a put on a thread of its own.
    pub(crate) async fn put<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let work = Some(tokio::task::spawn_blocking(work));
        let mut put = Put { work, unattended: self.clone(), runtime: Handle::current() };
        let done = put.work.as_mut().expect("it was just begun").await;
        put.work = None;
        done
    }

    /// Returns once there is none.
    pub(crate) async fn over(&self) {
        // It cannot be closed: this holds its sender.
        let _ = self.0.subscribe().wait_for(|puts| *puts == 0).await;
    }
}

impl<T: Send + 'static> Drop for Put<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        self.unattended.0.send_modify(|puts| *puts += 1);
        let unattended = self.unattended.clone();
        self.runtime.spawn(async move {
            let _ = work.await;
            unattended.0.send_modify(|puts| *puts -= 1);
        });
    }
}
