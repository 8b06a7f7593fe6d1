//! Single promises, each in the one situation that puts it to the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;
use tokio::time::{Instant, sleep, timeout};

use super::broker::Habits;
use super::callers::{payload, read_all};
use super::network::Weather;
use super::world::{World, settings, simulate};
use crate::config::{Role, Settings, Value};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::mqtt::{Client, ValueSize};
use crate::wait::after;

const MINUTE: Duration = Duration::from_secs(60);

fn world(habits: Habits, weather: Weather) -> World {
    World::new(1, Habits { window: 100_000, takes: 100_000, ..habits }, weather, MINUTE)
}

fn writer(qos: &str, more: &[(&str, Value)]) -> Settings {
    let base = [("consistency", Value::from(qos)), ("clean_session", Value::Bool(false))];
    settings(Role::Writer, "writer", &[base.as_slice(), more].concat())
}

fn reader(qos: &str, more: &[(&str, Value)]) -> Settings {
    let base = [("consistency", Value::from(qos)), ("clean_session", Value::Bool(false))];
    settings(Role::Reader, "reader", &[base.as_slice(), more].concat())
}

fn delay(seconds: f64) -> (&'static str, Value) {
    ("reconnect_delay", Value::from([("min_delay", Value::Float(seconds)), ("max_delay", Value::Float(seconds))]))
}

/// Publishes and waits for the end.
async fn write(client: &Client, payload: Bytes, within: Duration) -> Result<()> {
    client.publish(None, payload, ValueSize::same(4), after(within)).await
}

/// Waits until the history has a line with this text.
async fn told(world: &World, text: &str) -> String {
    let found = async {
        loop {
            let events = world.history.events();
            if let Some(line) = events.into_iter().find(|line| line.contains(text)) {
                return line;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(10 * MINUTE, found).await.unwrap_or_else(|_| panic!("{text}: {:#?}", world.history.events()))
}

/// Mosquitto 2.0.11 had up to 28,000 messages under way after several cuts, sent PUBREL for some more than once, and
/// published messages again that it had released before.
#[test]
fn thirty_thousand_under_way_come_once_although_the_broker_publishes_them_again() {
    const MESSAGES: u32 = 30_000;
    simulate(async {
        let habits = Habits { repeats_pubrel: 0.3, forgets_pubrec: 1.0, ..Habits::default() };
        let world = world(habits, Weather::fair());
        let bounds = [("max_received_messages", Value::Int(100_000)), ("max_received_bytes", Value::Int(1 << 30))];
        let reader = world.client(Role::Reader, &reader("EXACTLY_ONCE", &bounds));
        reader.opened().await.expect("open");
        let received: Mutex<Vec<u32>> = Mutex::default();
        // The broker ignores PUBCOMP, so that everything stays under way and is published again.
        world.broker.keep_under_way(true);
        (0..MESSAGES).for_each(|tag| world.broker.publish(QoS::ExactlyOnce, payload(tag)));
        for round in 0..3 {
            let all = async {
                while lock(&received).len() < MESSAGES as usize || world.broker.released("reader") < MESSAGES as usize {
                    sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::select! {
                result = read_all(&reader, || Duration::ZERO, &received) => panic!("{result:?}"),
                result = timeout(MINUTE, all) => result.expect("all of them"),
            }
            assert_eq!(lock(&received).len(), MESSAGES as usize, "round {round}");
            world.network.cut_all();
        }
        world.broker.keep_under_way(false);
        world.broker.publish(QoS::ExactlyOnce, payload(MESSAGES));
        let last = async {
            while lock(&received).last() != Some(&MESSAGES) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            result = read_all(&reader, || Duration::ZERO, &received) => panic!("{result:?}"),
            result = timeout(MINUTE, last) => result.expect("the last one"),
        }
        assert!(lock(&received).iter().copied().eq(0..=MESSAGES), "each once, in order");
    });
}

#[test]
fn a_broker_that_stops_reading_is_noticed_and_gets_one_ping() {
    simulate(async {
        let keep_alive = Duration::from_secs(2);
        let world = World::new(1, Habits::default(), Weather { capacity: 64 * 1024, ..Weather::fair() }, keep_alive);
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[("keepalive", Value::Int(2))]));
        client.opened().await.expect("open");
        world.broker.stop_reading(true);
        let began = Instant::now();
        let large = Bytes::from(vec![0; 32 << 20]);
        let written = client.publish(None, large, ValueSize::same(4), after(MINUTE));
        let noticed = async {
            let mut written = std::pin::pin!(written);
            tokio::select! {
                result = &mut written => panic!("{result:?}"),
                line = told(&world, "Lost") => line,
            }
        };
        let line = noticed.await;
        assert!(line.contains("takes no bytes"), "{line}");
        assert!(began.elapsed() <= Duration::from_millis(3_050), "{:?}", began.elapsed());
        assert_eq!(world.history.faults(), [""; 0]);
    });
}

#[test]
fn a_broker_that_pauses_gets_one_ping_for_the_pause() {
    simulate(async {
        let keep_alive = Duration::from_secs(8);
        let world = World::new(1, Habits::default(), Weather { capacity: 1024, ..Weather::fair() }, keep_alive);
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[("keepalive", Value::Int(8))]));
        client.opened().await.expect("open");
        world.broker.stop_reading(true);
        let writing = write(&client, Bytes::from(vec![0; 10_000]), MINUTE);
        let resume = async {
            sleep(Duration::from_secs(11)).await;
            world.broker.stop_reading(false);
        };
        assert_eq!(tokio::join!(writing, resume).0, Ok(()));
        assert_eq!(world.broker.pings(), 1);
        assert_eq!(client.info().reconnects, 0, "{:#?}", world.history.events());
    });
}

#[test]
fn a_close_during_a_delay_tries_at_once() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let client = world
            .client(Role::Writer, &writer("AT_LEAST_ONCE", &[delay(3600.0), ("close_timeout_ms", Value::Int(3_000))]));
        client.opened().await.expect("open");
        world.network.take_down(Duration::from_secs(2), true);
        told(&world, "Retrying").await;
        let mut written = std::pin::pin!(client.publish(None, payload(7), ValueSize::same(4), after(2 * 60 * MINUTE)));
        assert!(timeout(Duration::from_secs(1), &mut written).await.is_err(), "there is no connection");
        let began = Instant::now();
        client.begin_close();
        // The broker comes back after one more second: the immediate attempt fails, and another one soon after it succeeds.
        assert_eq!(client.closed().await, Ok(()));
        assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(written.await, Ok(()));
        assert_eq!(world.broker.log().len(), 1);
    });
}

#[test]
fn a_write_that_cannot_wait_for_the_delay_has_an_attempt_and_many_of_them_have_few() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let three_seconds = Duration::from_secs(3);
        let client = world
            .client(Role::Writer, &writer("AT_LEAST_ONCE", &[delay(3600.0), ("write_timeout_ms", Value::Int(3_000))]));
        client.opened().await.expect("open");
        world.network.cut_all();
        told(&world, "Retrying").await;
        assert_eq!(write(&client, payload(1), three_seconds).await, Ok(()));

        let attempts = |world: &World| world.network.attempts();
        world.network.take_down(10 * MINUTE, true);
        let before = attempts(&world);
        let mut failures = 0;
        let began = Instant::now();
        while began.elapsed() < 9 * MINUTE {
            failures += usize::from(write(&client, payload(2), three_seconds).await.is_err());
        }
        let made = attempts(&world) - before;
        assert!(failures > 100 && (1..=12).contains(&made), "{made} attempts for {failures} writes");
    });
}

#[test]
fn a_write_that_cannot_wait_for_the_delay_has_attempts_until_the_broker_is_back() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[delay(3600.0)]));
        client.opened().await.expect("open");
        world.network.take_down(Duration::from_secs(5), true);
        told(&world, "Retrying").await;
        let began = Instant::now();
        assert_eq!(write(&client, payload(1), MINUTE).await, Ok(()));
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    });
}

#[test]
fn the_cause_of_a_failed_attempt_is_told_and_in_the_write_that_times_out() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[delay(1.0)]));
        client.opened().await.expect("open");
        world.network.take_down(10 * MINUTE, true);
        told(&world, "Lost").await;
        let failed = write(&client, payload(1), Duration::from_secs(20)).await;
        let Err(Error::TimedOut { message, source: Some(cause), .. }) = failed else { panic!("{failed:?}") };
        let why = "connect broker:1883: TCP: connection refused";
        assert!(message.contains("was not sent") && message.contains(why), "{message}");
        assert!(matches!(&*cause, Error::Connection { message, .. } if message == why), "{cause}");
        let line = told(&world, why).await;
        assert!(line.contains("Retrying"), "{line}");
        // Neither the message nor the cause is left after the connection is back.
        world.network.heal();
        assert_eq!(write(&client, payload(2), 2 * MINUTE).await, Ok(()));
    });
}

#[test]
fn addresses_that_do_not_answer_cost_a_quarter_of_a_second_each_and_only_once() {
    simulate(async {
        let world = world(Habits::default(), Weather { dead_addresses: 6, ..Weather::fair() });
        let began = Instant::now();
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[delay(1.0)]));
        client.opened().await.expect("open");
        let took = began.elapsed();
        assert!((1_500..1_600).contains(&took.as_millis()), "{took:?}");
        world.network.cut_all();
        let lost = Instant::now();
        assert_eq!(write(&client, payload(1), MINUTE).await, Ok(()));
        assert!(lost.elapsed() < Duration::from_millis(1_100), "{:?}", lost.elapsed());
    });
}

#[test]
fn two_clients_with_one_client_id_are_told() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let settings = writer("AT_LEAST_ONCE", &[]);
        let clients = [world.client(Role::Writer, &settings), world.client(Role::Writer, &settings)];
        let line = told(&world, "Warning").await;
        assert!(line.contains("the same client id, 'writer'"), "{line}");
        drop(clients);
    });
}

#[test]
fn a_broker_that_hangs_up_on_qos_2_is_named() {
    simulate(async {
        let world = world(Habits { refuses_qos_2: true, ..Habits::default() }, Weather::fair());
        let client = world.client(Role::Writer, &writer("EXACTLY_ONCE", &[]));
        client.opened().await.expect("open");
        let failed = write(&client, payload(1), MINUTE).await;
        assert!(matches!(failed, Err(Error::TimedOut { .. })), "{failed:?}");
        let line = told(&world, "Warning").await;
        assert!(line.contains("QoS 2") && line.contains("consistency"), "{line}");
    });
}

#[test]
fn a_reader_that_is_granted_less_than_it_asked_for_is_told_once() {
    simulate(async {
        let world = world(Habits { grants_less: true, ..Habits::default() }, Weather::fair());
        let client = world.client(Role::Reader, &settings(Role::Reader, "reader", &[("qos", Value::Int(2))]));
        client.opened().await.expect("open");
        world.network.cut_all();
        told(&world, "Retrying").await;
        sleep(MINUTE).await;
        let warnings: Vec<String> =
            world.history.events().into_iter().filter(|line| line.contains("Warning")).collect();
        assert!(warnings.len() == 1 && warnings[0].contains("grants QoS 1"), "{warnings:?}");
    });
}

#[test]
fn a_connection_of_more_than_a_minute_makes_the_delays_short_again() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let delays = Value::from([("min_delay", Value::Float(1.0)), ("max_delay", Value::Float(3600.0))]);
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[("reconnect_delay", delays)]));
        client.opened().await.expect("open");
        let comes_back = async || {
            world.network.cut_all();
            let lost = Instant::now();
            let before = client.info().reconnects;
            while client.info().reconnects == before || !client.is_connected() {
                sleep(Duration::from_millis(1)).await;
            }
            lost.elapsed()
        };
        for _ in 0..6 {
            comes_back().await;
        }
        assert!(comes_back().await > Duration::from_secs(30));
        sleep(2 * MINUTE).await;
        assert!(comes_back().await < Duration::from_millis(1_100));
    });
}

#[test]
fn a_write_that_is_polled_once_and_left_alone_keeps_nobody_waiting() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let client =
            Arc::new(world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[("max_queued_messages", Value::Int(2))])));
        client.opened().await.expect("open");
        let publish = |tag| client.publish(None, payload(tag), ValueSize::same(4), after(MINUTE));
        let poll_once = |pending: &mut crate::mqtt::PendingWrite| {
            let context = std::task::Context::from_waker(std::task::Waker::noop());
            pending.poll_accepted(crate::mqtt::Way::Gathered, &context).is_ready()
        };
        let mut pending: Vec<_> = (0..5).map(publish).collect();
        let accepted: Vec<bool> = pending.iter_mut().map(poll_once).collect();
        assert_eq!(accepted, [true, true, false, false, false]);
        // Three publishes are in the queue for room, and nobody polls them.
        let began = Instant::now();
        assert_eq!(write(&client, payload(5), MINUTE).await, Ok(()));
        assert!(began.elapsed() <= Duration::from_millis(350), "{:?}", began.elapsed());
        // These publishes have only lost their turn.
        for one in pending.drain(2..) {
            assert_eq!(one.await, Ok(()));
        }
        assert_eq!(world.broker.log().len(), 6);
    });
}

#[test]
fn room_that_becomes_free_goes_at_once_to_all_who_fit() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let bounds = [("max_queued_bytes", Value::Int(4096)), delay(3600.0)];
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &bounds));
        client.opened().await.expect("open");
        world.network.take_down(60 * MINUTE, true);
        told(&world, "Retrying").await;
        let publish =
            |length| client.publish(None, Bytes::from(vec![0; length]), ValueSize::same(length), after(30 * MINUTE));
        let mut pending: Vec<_> = [2000, 4000, 100, 100].map(publish).into();
        let woken: Vec<_> = pending.iter().map(|_| Arc::new(Woken::default())).collect();
        // Each publish is polled as an executor does it: at first, and when it has been woken.
        let accepted = |pending: &mut [crate::mqtt::PendingWrite]| -> Vec<bool> {
            for _ in 0..pending.len() {
                for (one, woken) in pending.iter_mut().zip(&woken) {
                    if !std::mem::replace(&mut *lock(&woken.0), false) {
                        continue;
                    }
                    let waker = woken.clone().into();
                    let context = std::task::Context::from_waker(&waker);
                    let _ = one.poll_accepted(crate::mqtt::Way::Gathered, &context);
                }
            }
            pending.iter().map(crate::mqtt::PendingWrite::is_accepted).collect()
        };
        woken.iter().for_each(|woken| *lock(&woken.0) = true);
        assert_eq!(accepted(&mut pending), [true, false, false, false]);
        // The large publish gives up: both behind it have waited only for that.
        pending[1].leave(true);
        assert_eq!(accepted(&mut pending)[2..], [true, true]);
    });
}

/// A waker that records whether it has been woken.
#[derive(Default)]
struct Woken(Mutex<bool>);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        *lock(&self.0) = true;
    }
}

/// The driver is not woken when a caller gives up: a publish that waits is never the last one for which a close waits.
#[test]
fn a_close_goes_on_at_once_when_the_callers_give_up() {
    simulate(async {
        let world = world(Habits::default(), Weather::fair());
        let hour = ("close_timeout_ms", Value::Int(3_600_000));
        let one_by_one = ("max_inflight_messages", Value::Int(1));
        let second = Duration::from_secs(1);
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[hour.clone(), one_by_one]));
        client.opened().await.expect("open");
        let accept = |client: &Client, tag| {
            let mut write = client.publish(None, payload(tag), ValueSize::same(4), after(60 * MINUTE));
            let context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(write.poll_accepted(crate::mqtt::Way::Gathered, &context).is_ready());
            write
        };
        world.broker.stop_reading(true);
        // The broker was about to read, and does so once more.
        assert_eq!(write(&client, payload(0), MINUTE).await, Ok(()));
        let (sent, mut queued) = (accept(&client, 1), accept(&client, 2));
        sleep(second).await;
        client.begin_close();
        sleep(second).await;
        queued.leave(true);
        sleep(second).await;
        world.broker.stop_reading(false);
        let confirmed = Instant::now();
        assert_eq!((sent.await, client.closed().await), (Ok(()), Ok(())));
        assert!(confirmed.elapsed() <= 2 * second, "{:?}", confirmed.elapsed());
        assert_eq!(world.broker.log().iter().map(|message| message.tag).collect::<Vec<_>>(), [0, 1]);

        // The same holds without a connection.
        let client = world.client(Role::Writer, &writer("AT_LEAST_ONCE", &[hour, delay(3600.0)]));
        client.opened().await.expect("open");
        world.network.take_down(60 * MINUTE, true);
        told(&world, "Retrying").await;
        let mut queued = accept(&client, 3);
        client.begin_close();
        sleep(10 * second).await;
        queued.leave(true);
        let given_up = Instant::now();
        assert_eq!(client.closed().await, Ok(()));
        assert!(given_up.elapsed() <= second, "{:?}", given_up.elapsed());
    });
}
