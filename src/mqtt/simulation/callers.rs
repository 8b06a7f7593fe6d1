//! Programs that use a client of a simulation, some of them carelessly.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::{Instant, sleep, timeout_at};

use super::broker::tag;
use super::history::History;
use crate::error::Error;
use crate::lock::lock;
use crate::mqtt::{Client, Delivery, Ended, PendingWrite, Submitted, ValueSize, Way};

/// The end of a publish, as far as its caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Confirmed,
    /// The publish was certainly not sent.
    NotSent,
    /// The publish may have been delivered.
    Unknown,
}

/// The way in which a caller treats a publish.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    Waits,
    /// The caller stops waiting after a while, and does not want the publish sent any more.
    GivesUp(Duration),
    /// The caller drops the future after a while.
    Drops(Duration),
    /// The caller polls once, leaves the future alone for a while, and then waits.
    Neglects(Duration),
}

/// The state that all callers of a writer share.
pub(super) struct Callers {
    pub client: Client,
    pub history: Arc<History>,
    pub write_timeout: Duration,
    /// The number and the end of each publish.
    pub ends: Mutex<Vec<(u32, End)>>,
    last_tag: AtomicUsize,
    /// The number of callers who wait for room and would take it at once.
    pub waiting_for_room: AtomicUsize,
    /// True when the client is being closed.
    pub closing: std::sync::atomic::AtomicBool,
}

/// The tolerance for deadlines, since timers have a resolution of milliseconds.
const SLACK: Duration = Duration::from_millis(20);

impl Callers {
    pub fn new(client: Client, history: Arc<History>, write_timeout: Duration) -> Callers {
        Callers {
            client,
            history,
            write_timeout,
            ends: Mutex::default(),
            last_tag: AtomicUsize::new(0),
            waiting_for_room: AtomicUsize::new(0),
            closing: false.into(),
        }
    }

    /// Creates a publish with the next number.
    fn publish(&self, length: usize) -> (u32, PendingWrite, Instant) {
        let tag = self.last_tag.fetch_add(1, Ordering::Relaxed) as u32;
        let deadline = Instant::now() + self.write_timeout;
        (tag, self.client.publish(None, payload_of(tag, length), ValueSize::same(length), deadline), deadline)
    }

    /// Writes one message and waits for its end, or treats it in another manner.
    pub async fn write(&self, length: usize, manner: Manner) {
        let (tag, mut pending, deadline) = self.publish(length);
        let end = match manner {
            Manner::Waits => self.wait(tag, &mut pending, deadline).await,
            Manner::GivesUp(after) => {
                match timeout_at(Instant::now() + after, self.wait(tag, &mut pending, deadline)).await {
                    Ok(end) => end,
                    Err(_) => {
                        let accepted = pending.is_accepted();
                        pending.leave(true);
                        if accepted { End::Unknown } else { End::NotSent }
                    }
                }
            }
            Manner::Drops(after) => {
                match timeout_at(Instant::now() + after, self.wait(tag, &mut pending, deadline)).await {
                    Ok(end) => end,
                    Err(_) if pending.is_accepted() => End::Unknown,
                    Err(_) => End::NotSent,
                }
            }
            Manner::Neglects(pause) => {
                let first = pending.poll_accepted(Way::Gathered, &Context::from_waker(Waker::noop()));
                sleep(pause).await;
                match first {
                    Poll::Ready(Err(error)) => self.judge(tag, &error, deadline.max(Instant::now())),
                    Poll::Pending if pause > self.write_timeout => {
                        let _ = pending.expire();
                        End::NotSent
                    }
                    _ => self.wait(tag, &mut pending, deadline.max(Instant::now())).await,
                }
            }
        };
        lock(&self.ends).push((tag, end));
    }

    /// Submits messages in order. Their ends come in the client's report, which must tell each of them once.
    pub async fn submit_many(self: Arc<Callers>, lengths: Vec<usize>) -> Vec<u32> {
        let submitted: Mutex<HashMap<u64, (u32, Instant)>> = Mutex::default();
        let mut order = Vec::new();
        let submitting = async {
            for length in lengths {
                let tag = self.last_tag.fetch_add(1, Ordering::Relaxed) as u32;
                let deadline = Instant::now() + self.write_timeout;
                let accepted = async {
                    match self.client.submit(None, payload_of(tag, length), ValueSize::same(length))? {
                        Submitted::Accepted(number) => Ok(number),
                        Submitted::Waits(mut unsent) => {
                            poll_fn(|context| unsent.poll_accepted(Way::Reported, context)).await
                        }
                    }
                };
                match timeout_at(deadline, accepted).await {
                    Ok(Ok(number)) => {
                        order.push(tag);
                        lock(&submitted).insert(number, (tag, deadline));
                    }
                    Ok(Err(error)) => lock(&self.ends).push((tag, self.judge(tag, &error, deadline))),
                    Err(_) => lock(&self.ends).push((tag, End::NotSent)),
                }
            }
        };
        let reporting = async {
            loop {
                let report = poll_fn(|context| match self.client.take_report(context.waker()) {
                    report if report.is_empty() => Poll::Pending,
                    report => Poll::Ready(report),
                });
                for (number, result) in report.await.into_iter().flat_map(each_end) {
                    let Some((tag, deadline)) = lock(&submitted).remove(&number) else {
                        self.history.fault(format!("the end of number {number} was told twice, or of nothing"));
                        continue;
                    };
                    let end = match result {
                        Ok(()) => End::Confirmed,
                        Err(error) => self.judge(tag, &error, deadline),
                    };
                    self.check_time(tag, deadline);
                    lock(&self.ends).push((tag, end));
                }
            }
        };
        let all_told = async {
            submitting.await;
            while !lock(&submitted).is_empty() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            biased;
            never = reporting => never,
            () = all_told => {}
        }
        order
    }

    /// Accepts messages in order without waiting for any, then waits for all.
    pub async fn write_many(self: Arc<Callers>, lengths: Vec<usize>) -> Vec<u32> {
        let mut accepted = Vec::new();
        let mut waiting = tokio::task::JoinSet::new();
        for length in lengths {
            let (tag, mut pending, deadline) = self.publish(length);
            match self.accept(&mut pending, Way::Gathered, deadline).await {
                Ok(()) => {
                    accepted.push(tag);
                    let callers = self.clone();
                    waiting.spawn(async move {
                        let end = callers.wait(tag, &mut pending, deadline).await;
                        lock(&callers.ends).push((tag, end));
                    });
                }
                Err(error) => lock(&self.ends).push((tag, self.judge(tag, &error, deadline))),
            }
        }
        while waiting.join_next().await.is_some() {}
        accepted
    }

    async fn accept(&self, pending: &mut PendingWrite, way: Way, deadline: Instant) -> Result<(), Error> {
        let first = poll_fn(|context| Poll::Ready(pending.poll_accepted(way, context))).await;
        if let Poll::Ready(result) = first {
            return result;
        }
        let _waits = Counted::new(&self.waiting_for_room);
        let accepted = timeout_at(deadline, poll_fn(|context| pending.poll_accepted(way, context))).await;
        accepted.unwrap_or_else(|_| Err(pending.expire()))
    }

    async fn wait(&self, tag: u32, pending: &mut PendingWrite, deadline: Instant) -> End {
        let result = match self.accept(pending, Way::AtOnce, deadline).await {
            Ok(()) => pending.await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                self.check_time(tag, deadline);
                End::Confirmed
            }
            Err(error) => self.judge(tag, &error, deadline),
        }
    }

    fn check_time(&self, tag: u32, deadline: Instant) {
        let late = Instant::now().saturating_duration_since(deadline);
        if late > SLACK {
            self.history.fault(format!("the publish {tag} ended {late:?} too late"));
        }
    }

    /// Returns what an error says about the end of the message.
    fn judge(&self, tag: u32, error: &Error, deadline: Instant) -> End {
        self.check_time(tag, deadline);
        let text = error.to_string();
        let closing = self.closing.load(Ordering::Relaxed);
        let expected = text.contains("timed out") || text.contains("is lost") || closing && text.contains("closed");
        if !expected {
            self.history.fault(format!("the publish {tag} failed: {error}"));
        }
        self.history.tell(format!("the publish {tag} failed: {error}"));
        match text.contains("not sent") || text == "the client is closed" {
            true => End::NotSent,
            false => End::Unknown,
        }
    }
}

/// Counts a caller for as long as this lives.
struct Counted<'a>(&'a AtomicUsize);

impl Counted<'_> {
    fn new(counter: &AtomicUsize) -> Counted<'_> {
        counter.fetch_add(1, Ordering::Relaxed);
        Counted(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the next message, or `None` when the client was closed.
async fn receive(client: &Client) -> Result<Option<Delivery>, Error> {
    match client.receive().await {
        Ok(delivery) => Ok(Some(delivery)),
        Err(Error::Io(text)) if &*text == "the client is closed" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads for as long as the client lives, and collects the numbers of the messages in order.
pub(super) async fn read_all(
    client: &Client,
    pause: impl Fn() -> Duration,
    received: &Mutex<Vec<u32>>,
) -> Result<(), Error> {
    while let Some(delivery) = receive(client).await? {
        let pause = pause();
        if !pause.is_zero() {
            sleep(pause).await;
        }
        lock(received).push(tag(&delivery.publish.payload));
        client.taken(delivery.number);
    }
    Ok(())
}

/// Reads for as long as the client lives, and processes the messages side by side: each is acknowledged, in any order, or
/// dropped if its processing `fails`. Collects the numbers of the messages that were acknowledged.
pub(super) async fn process_all(
    client: &Client,
    pause: impl Fn() -> Duration,
    fails: Arc<dyn Fn() -> bool + Send + Sync>,
    received: &Arc<Mutex<Vec<u32>>>,
) -> Result<(), Error> {
    while let Some(delivery) = receive(client).await? {
        let (held, pause) = (client.hold(delivery.number), pause());
        let (fails, received) = (fails.clone(), received.clone());
        tokio::spawn(async move {
            sleep(pause).await;
            if !fails() {
                lock(&received).push(tag(&delivery.publish.payload));
                held.acknowledge();
            }
        });
    }
    Ok(())
}

/// Returns a short payload with this number.
pub(super) fn payload(tag: u32) -> Bytes {
    payload_of(tag, 0)
}

/// Returns a payload with this number, of at least this length.
fn payload_of(tag: u32, length: usize) -> Bytes {
    let mut payload = BytesMut::with_capacity(length.max(4));
    payload.put_u32(tag);
    payload.resize(length.max(4), 0);
    payload.freeze()
}

fn each_end(ended: Ended) -> Vec<(u64, Result<(), Error>)> {
    match ended {
        Ended::Done(from, end) => (from..end).map(|number| (number, Ok(()))).collect(),
        Ended::Failed(number, error) => vec![(number, Err(error))],
    }
}
