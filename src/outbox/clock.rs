//! The feeder's clock.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::shared::Shared;
use crate::error::Delivery;
use crate::mqtt::Client;
use crate::wait::after;

/// Fails writes whose deadline has passed, without taking their messages back, and ends a close whose time is up.
pub(super) async fn run(shared: &Shared, client: &Client) -> Infallible {
    loop {
        let earlier = shared.earlier.notified();
        let now = Instant::now();
        let (overdue, stored) = shared.with(|state| (state.hearers.overdue(now), state.stored));
        for number in overdue {
            let what = match number < stored {
                true => "the message is not confirmed; it stays in the outbox, and is delivered later",
                false => "the disk has not taken the message; it may be delivered all the same",
            };
            shared.expire(number, &client.overdue(what, Delivery::Unknown));
        }
        let next = shared.with(|state| {
            let close = state.closing.map(|closing| closing.deadline);
            if close.is_some_and(|deadline| deadline <= now) {
                state.wake_feeder();
            }
            state.watched = state.hearers.next_deadline().into_iter().chain(close.filter(|at| *at > now)).min();
            state.watched
        });
        tokio::select! {
            biased;
            () = earlier => {}
            () = sleep_until(next.unwrap_or_else(|| after(Duration::MAX))) => {}
        }
    }
}
