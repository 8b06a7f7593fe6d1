//! Handles Ctrl-C: the first one asks for a clean end, the second one ends the process at once.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::{Exit, Result};
use crate::error::Error;
use crate::mqtt::Runtime;
use crate::wait::block_until;

/// Tells whether the user has asked for the end.
pub(super) struct Stop {
    asked: watch::Receiver<Option<Exit>>,
    /// The runtime, which handles the signals as long as it runs.
    runtime: Arc<Runtime>,
}

/// The result of waiting.
pub(super) enum Waited<T> {
    Done(T),
    TimedOut,
    /// The user has asked for the end.
    Stopped(Exit),
}

impl Stop {
    /// Handles SIGINT and SIGTERM from now on, so that they do not end the process by themselves.
    pub fn listen() -> Result<Stop> {
        let runtime = Runtime::get()?;
        let handle = runtime.handle();
        let _context = handle.enter();
        let mut signals = Signals::listen().map_err(|e| Error::Internal(format!("signals can't be heard: {e}")))?;
        let (ask, asked) = watch::channel(None);
        handle.spawn(async move {
            loop {
                let exit = signals.next().await;
                if ask.borrow().is_some() {
                    std::process::exit(exit as i32);
                }
                ask.send_replace(Some(exit));
            }
        });
        Ok(Stop { asked, runtime })
    }

    /// Returns the exit code, once the user has asked for the end.
    pub fn asked(&self) -> Option<Exit> {
        *self.asked.borrow()
    }

    /// Blocks until the future is ready, the deadline is over, or the user asks for the end.
    pub fn wait<T>(&self, future: impl Future<Output = T>, deadline: Option<Instant>) -> Waited<T> {
        let mut asked = self.asked.clone();
        let asked = async move {
            match asked.wait_for(Option::is_some).await.map(|exit| *exit) {
                Ok(Some(exit)) => exit,
                // The sender is gone, so no signal will come.
                _ => std::future::pending().await,
            }
        };
        let both = async {
            tokio::select! {
                biased;
                exit = asked => Waited::Stopped(exit),
                output = future => Waited::Done(output),
            }
        };
        block_until(both, deadline).unwrap_or(Waited::TimedOut)
    }

    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle()
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Exit::Interrupted,
            Some(()) = self.terminate.recv() => Exit::Terminated,
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Exit {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Exit::Interrupted,
            Err(_) => std::future::pending().await,
        }
    }
}
