//! What the callbacks of a C library get, and what they do.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bench_tools::Outcome;
use bench_tools::under_way::UnderWay;

use crate::reads::Counts;

const PATIENCE: Duration = Duration::from_secs(20);

/// Who is told what happens.
pub enum Told {
    Writer(Arc<UnderWay>),
    Reader(Arc<Counts>),
}

/// See the module.
pub struct Context {
    told: Told,
    ready: Sender<Outcome>,
}

/// Waits for the ends of what the client has asked for: to connect, to subscribe, to disconnect.
pub struct Ready(Receiver<Outcome>);

impl Context {
    /// The pointer is one of `Box::into_raw`. Whoever has it frees it when no callback can run any more.
    pub fn new(told: Told) -> (*mut Context, Ready) {
        let (ready, is_ready) = channel();
        (Box::into_raw(Box::new(Context { told, ready })), Ready(is_ready))
    }

    /// # Safety
    /// It is what [`Context::new`] gave, which has not been freed.
    pub unsafe fn of<'a>(context: *mut c_void) -> &'a Context {
        // SAFETY: see above.
        unsafe { &*context.cast::<Context>() }
    }

    /// A request has ended.
    pub fn ended(&self, outcome: Outcome) {
        // Nobody may wait any more, which is no error.
        let _ = self.ready.send(outcome);
    }

    pub fn sent(&self) {
        if let Told::Writer(under_way) = &self.told {
            under_way.succeeded();
        }
    }

    #[cfg(feature = "paho-c")]
    pub fn not_sent(&self, problem: impl ToString) {
        if let Told::Writer(under_way) = &self.told {
            under_way.failed(problem);
        }
    }

    pub fn received(&self, bytes: usize) {
        if let Told::Reader(counts) = &self.told {
            counts.add(bytes);
        }
    }

    pub fn lost(&self, problem: impl ToString) {
        match &self.told {
            Told::Writer(under_way) => under_way.broken(problem),
            Told::Reader(counts) => counts.fail(problem),
        }
    }
}

impl Ready {
    /// `library`: for the error.
    pub fn wait(&self, library: &str) -> Outcome {
        self.0.recv_timeout(PATIENCE).map_err(|_| format!("{library}: the broker did not answer"))?
    }
}
