//! The thread that talks to a token, or looks for one. A module may take any time, and may never return: so only this thread
//! calls it, one call after the other, and a caller waits for a result no longer than its deadline.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::Problem;
use crate::lock::lock;
use crate::wait::{after, block_until};
use crate::wiped;

/// The number of requests that may wait. With more, the token hangs or is asked for more than it can do.
const MAX_WAITING: usize = 1000;

/// The time to wait for the end of a state: a module may crash if the process ends while it closes a session.
const LEAVING: Duration = Duration::from_millis(500);

/// The number of keys and threads in the process.
static IN_USE: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

fn use_one_more() {
    *lock(&IN_USE) += 1;
}

fn use_one_less() {
    *lock(&IN_USE) -= 1;
    CHANGED.notify_all();
}

/// Waits until nothing uses a module any more, before the process ends, because a module's destructors run while its other
/// threads do.
#[cfg(feature = "cli")]
pub(crate) fn settled(patience: Duration) {
    let _ = CHANGED.wait_timeout_while(lock(&IN_USE), patience, |used| *used > 0);
}

/// The limit of a wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    patience: Duration,
    end: Instant,
    /// The waiter blocks and checks the deadline by itself, without the timers of a runtime, which may be gone.
    is_watched: bool,
}

impl Limit {
    /// Returns a limit that ends after this time.
    pub fn begin(patience: Duration) -> Limit {
        Limit { patience, end: after(patience).into(), is_watched: false }
    }

    pub fn patience(self) -> Duration {
        self.patience
    }

    pub fn end(self) -> Instant {
        self.end
    }
}

/// A thread that lives as long as there are requests, and is started again by the next one. The requests share `S`, which the
/// thread drops when nobody uses it any more.
pub(super) struct Worker<S> {
    /// The name for people: `the token 'test'`.
    who: String,
    queue: Mutex<Queue<S>>,
    /// Tells that the thread has nothing to do any more.
    idle: Condvar,
    /// The state. Only the thread locks it, possibly for ever.
    state: Mutex<S>,
    /// The function of the standard in which the module is.
    step: Mutex<&'static str>,
}

struct Queue<S> {
    requests: VecDeque<Request<S>>,
    is_running: bool,
    users: usize,
    /// A request has been done since the state was dropped.
    has_state: bool,
}

struct Request<S> {
    /// The time after which nobody waits for the request.
    deadline: Instant,
    work: Box<dyn FnOnce(&mut S) + Send>,
}

impl<S: Default + Send + 'static> Worker<S> {
    pub fn new(who: String) -> Worker<S> {
        let queue = Queue { requests: VecDeque::new(), is_running: false, users: 0, has_state: false };
        Worker { who, queue: Mutex::new(queue), idle: Condvar::new(), state: Mutex::default(), step: Mutex::default() }
    }

    /// Has the thread run `work`, and waits for the result without blocking another thread.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Limit,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |state: &mut S| {
            // The caller may have stopped waiting.
            let _ = answer.send(work(state));
        });
        self.put(Request { deadline: limit.end, work })?;
        let answer = match limit.is_watched {
            true => answered.await.ok(),
            false => timeout_at(limit.end.into(), answered).await.ok().and_then(Result::ok),
        };
        match answer {
            Some(answer) => Ok(answer),
            // The thread drops requests that are too late, which may be noticed here before this wait itself ends.
            _ if limit.end <= Instant::now() => Err(Problem::Late(self.silence(limit.patience))),
            _ => Err(Problem::Device(format!("{} has failed", self.who))),
        }
    }

    /// Blocks until a future that asks this worker is ready.
    pub fn wait<T, F: Future<Output = Result<T, Problem>>>(
        &self,
        patience: Duration,
        asking: impl FnOnce(Limit) -> F,
    ) -> Result<T, Problem> {
        let limit = Limit { is_watched: true, ..Limit::begin(patience) };
        let answer = block_until(asking(limit), Some(limit.end.into()));
        answer.unwrap_or_else(|| Err(Problem::Late(self.silence(patience))))
    }

    /// Describes that the token has not answered, and in which function it is.
    pub fn silence(&self, patience: Duration) -> String {
        let step = match *lock(&self.step) {
            "" => String::new(),
            step => format!("; it is still at {step}"),
        };
        format!("{} did not answer within {patience:?}{step}", self.who)
    }

    /// Notes the function that the thread is about to call; only the thread calls this.
    pub fn at(&self, step: &'static str) {
        *lock(&self.step) = step;
    }

    /// Keeps the state from now on, until [`Worker::leave`].
    pub fn enter(&self) {
        lock(&self.queue).users += 1;
        use_one_more();
    }

    /// Ends a use of the state, and with the last one the state itself. This waits for that end, but not for a module that
    /// hangs.
    pub fn leave(self: &Arc<Self>) {
        self.end_with_the_last();
        use_one_less();
    }

    fn end_with_the_last(self: &Arc<Self>) {
        let mut queue = lock(&self.queue);
        queue.users -= 1;
        if queue.users > 0 || !queue.has_state {
            return;
        }
        let ended = self.run(&mut queue).map(|()| self.await_idle(queue));
        if !ended.unwrap_or(false) {
            tracing::debug!("{} is not left yet", self.who);
        }
    }

    fn await_idle(&self, queue: MutexGuard<'_, Queue<S>>) -> bool {
        let waited = self.idle.wait_timeout_while(queue, LEAVING, |queue| queue.is_running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn put(self: &Arc<Self>, request: Request<S>) -> Result<(), Problem> {
        let mut queue = lock(&self.queue);
        if queue.requests.len() >= MAX_WAITING {
            let now = Instant::now();
            queue.requests.retain(|request| request.deadline > now);
        }
        if queue.requests.len() >= MAX_WAITING {
            return Err(Problem::Device(format!("{MAX_WAITING} requests wait for {} already", self.who)));
        }
        self.run(&mut queue).map_err(|e| Problem::Device(format!("no thread for {}: {e}", self.who)))?;
        queue.requests.push_back(request);
        Ok(())
    }

    /// Starts the thread if there is none. It takes from the queue after the caller has released the lock.
    fn run(self: &Arc<Self>, queue: &mut Queue<S>) -> std::io::Result<()> {
        if !queue.is_running {
            let worker = self.clone();
            thread::Builder::new().name("sinetstream-key".into()).spawn(move || {
                worker.work();
                use_one_less();
            })?;
            use_one_more();
            queue.is_running = true;
        }
        Ok(())
    }

    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            let mut queue = lock(&self.queue);
            let request = queue.requests.pop_front();
            if request.is_none() && (queue.users > 0 || !queue.has_state) {
                queue.is_running = false;
                self.idle.notify_all();
                // The lock on the state is released before another thread can want it.
                drop(state);
                return;
            }
            queue.has_state = request.is_some();
            drop(queue);
            // A panic in one request must not end the others; its caller sees that there is no answer.
            let _ = catch_unwind(AssertUnwindSafe(|| match request {
                Some(request) if request.deadline <= Instant::now() => {}
                // The request may leave a PIN on the stack.
                Some(request) => wiped::on_the_stack::<{ wiped::LARGE }, _>(|| (request.work)(&mut state)),
                None => {
                    self.at("C_CloseSession");
                    *state = S::default();
                }
            }));
            self.at("");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, channel};
    use std::task::Poll;

    use super::*;

    fn long() -> Limit {
        Limit::begin(Duration::from_secs(60))
    }

    fn short() -> Limit {
        Limit::begin(Duration::from_millis(10))
    }

    /// Returns a worker that is busy until something is sent.
    fn busy() -> (Arc<Worker<Vec<u32>>>, mpsc::Sender<()>) {
        let worker = Arc::new(Worker::new("the token 'x'".into()));
        let (free, until): (_, Receiver<()>) = channel();
        let (begins, begun) = channel();
        let itself = worker.clone();
        let work = Box::new(move |_: &mut Vec<u32>| {
            itself.at("C_Sign");
            begins.send(()).expect("a test");
            until.recv().expect("a test");
        });
        worker.put(Request { deadline: long().end, work }).expect("a thread");
        begun.recv().expect("a beginning");
        (worker, free)
    }

    #[tokio::test]
    async fn requests_are_done_in_order_and_what_nobody_waits_for_is_not_done() {
        let (worker, free) = busy();
        worker.enter();
        let late = worker.ask(short(), |state| state.push(1)).await;
        let words = "the token 'x' did not answer within 10ms; it is still at C_Sign";
        assert_eq!(late, Err(Problem::Late(words.into())));
        free.send(()).expect("a thread");
        for number in 2..5 {
            worker.ask(long(), move |state| state.push(number)).await.expect("an answer");
        }
        assert_eq!(worker.ask(long(), |state| state.clone()).await, Ok(vec![2, 3, 4]));
        // This may return before a thread that gets no processor time has finished; the thread then finishes by itself.
        worker.leave();
        assert_eq!(
            worker.ask(long(), |_| panic!("on purpose")).await,
            Err::<(), _>(Problem::Device("the token 'x' has failed".into()))
        );
        let ended = || !lock(&worker.queue).is_running && lock(&worker.state).is_empty();
        while !ended() {
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_token_that_is_late_has_not_failed_whoever_sees_it_first() {
        let (worker, free) = busy();
        let limit = short();
        let mut asking = std::pin::pin!(worker.ask(limit, |_| ()));
        assert!(std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending())).await);
        while Instant::now() < limit.end {
            thread::yield_now();
        }
        free.send(()).expect("a thread");
        // The thread has dropped the request before its caller looks again.
        while lock(&worker.queue).is_running {
            thread::yield_now();
        }
        assert_eq!(asking.await, Err(Problem::Late("the token 'x' did not answer within 10ms".into())));
    }

    #[tokio::test]
    async fn leaving_and_asking_a_thread_that_hangs_does_not_hang() {
        let (worker, free) = busy();
        worker.enter();
        worker.leave();
        for _ in 0..MAX_WAITING {
            let work = Box::new(|_: &mut Vec<u32>| {});
            worker.put(Request { deadline: long().end, work }).expect("room");
        }
        let full = worker.ask(long(), |_| ()).await;
        assert_eq!(full, Err(Problem::Device("1000 requests wait for the token 'x' already".into())));
        // Requests that nobody waits for make room.
        lock(&worker.queue).requests[0].deadline = Instant::now();
        assert!(
            worker.ask(short(), |_| ()).await.is_err_and(|problem| problem.into_words().contains("did not answer"))
        );
        free.send(()).expect("a thread");
    }
}
