//! A question before an attempt to connect, to the program or to a disk, which may take longer than the attempt.

use tokio::task::{JoinError, JoinHandle};

/// One that an attempt did not wait for is waited for by the next one, so that no more than one thread is held by it.
pub(crate) struct Inquiry<T>(Option<JoinHandle<T>>);

impl<T> Default for Inquiry<T> {
    fn default() -> Inquiry<T> {
        Inquiry(None)
    }
}

impl<T: Send + 'static> Inquiry<T> {
    /// It was asked, and there is no answer yet.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| !asked.is_finished())
    }

    /// The answer. Whoever does not wait for it drops the future.
    pub async fn ask(&mut self, ask: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        // What came after an earlier attempt is not of now any more.
        self.0.take_if(|asked| asked.is_finished());
        let answer = self.0.get_or_insert_with(|| tokio::task::spawn_blocking(ask)).await;
        self.0 = None;
        answer
    }
}
