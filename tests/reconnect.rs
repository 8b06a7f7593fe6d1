//! Tests reconnecting after a lost connection, and the events that report it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::proxy::Proxy;
use crate::common::raw::{self, Connect, PINGREQ, Packet, SUBSCRIBE};
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, block_on, eventually, login, next, quickly};
use sinetstream::config::Value;
use sinetstream::{ConnectionEvent, Consistency, Error, MessageReader, MessageReaderBuilder, MessageWriterBuilder};

/// Returns the builder of a writer as in the common module, but with reconnecting.
fn writer(address: &str) -> MessageWriterBuilder<str> {
    common::writer(address, "t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("connect", Value::Null)
        .parameter("reconnect_delay", quickly())
}

fn reader(address: &str) -> MessageReaderBuilder<String> {
    common::reader(address, "t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("connect", Value::Null)
        .parameter("reconnect_delay_set", quickly())
}

fn is_connected(event: &ConnectionEvent) -> bool {
    matches!(event, ConnectionEvent::Connected { .. })
}

fn is_lost(event: &ConnectionEvent) -> bool {
    matches!(event, ConnectionEvent::Lost { .. })
}

#[test]
fn writers_and_readers_come_back_after_a_cut() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let (listener, events) = listen();
    let reader = reader(&proxy.address()).open().expect("reader");
    let writer = writer(&proxy.address()).on_connection_event(listener).open().expect("writer");
    for round in 0..5 {
        writer.write(&format!("before {round}")).expect("write");
        assert_eq!(next(&reader).value(), &format!("before {round}"));
        proxy.cut();
        events.skip_to(is_lost);
        events.skip_to(is_connected);
        writer.write(&format!("after {round}")).expect("write");
        // Without a session the broker drops messages while the reader is away, so the test waits for the reader first.
        eventually("the reader is back", || reader.ping(PATIENCE).is_ok());
        writer.write("there").expect("write");
        while next(&reader).value() != "there" {}
    }
    assert!(writer.is_connected());
    assert!(writer.connection_info().reconnects >= 5);
    writer.close().expect("close");
    assert_eq!(events.skip_to(|event| !is_lost(event)), ConnectionEvent::Closed);
}

#[test]
fn a_restarted_broker_gets_what_was_written_meanwhile() {
    let mut broker = Broker::start();
    let reader = reader(&broker.plain_address()).open().expect("reader");
    let writer = writer(&broker.plain_address()).open().expect("writer");
    writer.write("one").expect("write");
    assert_eq!(next(&reader).value(), "one");
    broker.stop();
    eventually("the reader notices", || !reader.is_connected());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.write("two"));
        eventually("the write waits", || writer.connection_info().outbox_messages == 1);
        broker.restart();
        assert_eq!(waiting.join().expect("the writer's thread"), Ok(()));
    });
    // The subscription was made again.
    eventually("the reader is back", || reader.ping(PATIENCE).is_ok());
    writer.write("three").expect("write");
    while next(&reader).value() != "three" {}
}

#[test]
fn a_login_refused_on_the_way_back_ends_the_client() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.login);
    let (listener, events) = listen();
    let as_user = login("user01", "user01-pass");
    let reader = reader(&proxy.address()).parameter("username_pw", as_user.clone()).open().expect("reader");
    let writer = writer(&proxy.address()).parameter("username_pw", as_user).on_connection_event(listener).open();
    let writer = writer.expect("writer");
    writer.write("hello").expect("write");
    assert_eq!(next(&reader).value(), "hello");

    broker.change_password("user01", "another");
    broker.reload();
    proxy.close();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| reader.read());
        let writing = scope.spawn(|| writer.write("lost"));
        eventually("the write waits", || writer.connection_info().outbox_messages == 1);
        proxy.open();
        for result in [reading.join().expect("thread").map(|_| ()), writing.join().expect("thread")] {
            assert!(matches!(result, Err(Error::Authentication { code: 5, .. })), "{result:?}");
        }
    });
    for _ in 0..2 {
        let result = writer.write("later");
        assert!(matches!(result, Err(Error::Authentication { .. })), "{result:?}");
        let result = reader.read();
        assert!(matches!(result, Err(Error::Authentication { .. })), "{result:?}");
    }
    let ended = events.skip_to(|event| matches!(event, ConnectionEvent::Ended { .. }));
    assert!(!format!("{ended:?}").contains("user01-pass"));
    // Each client makes one attempt, so there is no storm of them.
    let refused = broker.log().matches("not authorised").count();
    assert_eq!(refused, 2, "{}", broker.log());
    writer.close().expect("a closed client has nothing left to deliver");
}

#[test]
fn a_list_of_brokers_is_tried_in_order_and_on_again_after_a_loss() {
    let (mut first, second) = (Broker::start(), Broker::start());
    let [nobody] = common::broker::free_ports();
    let brokers = [format!("localhost:{nobody}"), first.plain_address(), second.plain_address()];
    let (listener, events) = listen();
    let writer = writer("unused")
        .parameter("brokers", Value::from(brokers.to_vec()))
        .on_connection_event(listener)
        .open()
        .expect("writer");
    let at = |address: &str| {
        let address = address.to_owned();
        move |event: &ConnectionEvent| matches!(event, ConnectionEvent::Connected { broker, .. } if *broker == address)
    };
    events.skip_to(at(&brokers[1]));
    first.kill();
    events.skip_to(at(&brokers[2]));
    writer.write("to the second").expect("write");
}

#[test]
fn the_next_broker_of_a_list_opens_the_client_when_the_first_hangs_up_on_the_subscription() {
    let first = Scripted::open(|peer| drop(peer.expect(SUBSCRIBE)));
    let second = Broker::start();
    for reconnect in [true, false] {
        let open = |brokers: Vec<String>| {
            let builder = common::reader::<String>("unused", "t").parameter("brokers", Value::from(brokers));
            builder.parameter("connect", [("automatic_reconnect", reconnect)]).open()
        };
        let reader = open(vec![first.address(), second.plain_address()]).expect("reader");
        common::writer::<str>(&second.plain_address(), "t").open().expect("writer").write("here").expect("write");
        assert_eq!(common::next(&reader).into_value(), "here");
        assert_eq!(reader.connection_info().reconnects, 0);
        // There is no other broker to try.
        let words = [&*first.address(), "the broker closed the connection"];
        common::told(open(vec![first.address()]), "Io", &words);
        let twice = common::told(open(vec![first.address(), first.address()]), "Connection", &words);
        assert_eq!(twice.matches("closed the connection").count(), 2, "{twice}");
    }
}

#[test]
fn a_message_of_the_broker_that_did_not_open_the_client_is_not_taken_for_one_of_the_next() {
    // Each broker has a session, and uses the same identifier for a different message.
    let broker = |text: &'static str, dup: u8, opens: bool| {
        Scripted::start(move |peer| {
            peer.expect(raw::CONNECT);
            peer.send(&[0x20, 2, 1, 0]);
            let message = raw::publish("t", &raw::message(text), 1, false, 1);
            peer.send(&Packet { first: message.first | dup, ..message }.bytes());
            if opens {
                peer.suback(1);
                peer.drain();
            } else {
                peer.expect(SUBSCRIBE);
            }
        })
    };
    for dup in [0, 8] {
        let (first, second) = (broker("first", 0, false), broker("second", dup, true));
        let builder = reader("unused").parameter("brokers", vec![first.address(), second.address()]);
        let reader = builder.client_id("r").parameter("clean_session", false).open().expect("reader");
        assert_eq!([next(&reader).into_value(), next(&reader).into_value()], ["first", "second"]);
        assert_eq!(reader.connection_info().reconnects, 0);
    }
}

#[test]
fn a_refused_login_is_final_for_a_list_too() {
    let (first, second) = (Broker::start(), Broker::start());
    let brokers = vec![first.login_address(), second.plain_address()];
    let result = writer("unused").parameter("brokers", Value::from(brokers)).open();
    assert!(matches!(result, Err(Error::Authentication { .. })), "{result:?}");
    assert_eq!(second.connections(), 0);
}

#[test]
fn a_write_while_the_broker_is_away_times_out_and_is_not_sent_later() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let reader = reader(&broker.plain_address()).open().expect("reader");
    let writer = writer(&proxy.address()).parameter("write_timeout_ms", 200).open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    match writer.write("withdrawn") {
        Err(Error::TimedOut { message, source: Some(cause), .. }) => {
            let why = cause.to_string();
            assert!(message.contains("was not sent") && message.ends_with(&why), "{message}");
        }
        other => panic!("{other:?}"),
    }
    proxy.open();
    eventually("the writer is back", || writer.is_connected());
    writer.write("sent").expect("write");
    assert_eq!(next(&reader).value(), "sent");
}

#[test]
fn dropping_a_writer_does_not_give_up_what_others_wait_for() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let writer = Arc::new(writer(&proxy.address()).open().expect("writer"));
    proxy.cut_off(|| writer.is_connected());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let writer = writer.clone();
            std::thread::spawn(move || writer.write("late"))
        })
        .collect();
    eventually("the writes wait", || writer.connection_info().outbox_messages == 3);
    drop(writer);
    proxy.open();
    for thread in waiting {
        assert_eq!(thread.join().expect("thread"), Ok(()));
    }
}

#[test]
fn closing_says_how_many_messages_were_not_delivered() {
    let broker = Scripted::open(|peer| peer.drain());
    let builder = writer(&broker.address()).parameter("close_timeout_ms", 300);
    let writer = block_on(builder.open_async()).expect("writer");
    // Three messages are sent, and nobody waits for their ends.
    for _ in 0..3 {
        let mut write = std::pin::pin!(writer.write("unconfirmed"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
    }
    match block_on(writer.close()) {
        Err(Error::Io(message)) => assert!(message.contains("3 messages"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_outbox_makes_a_write_wait_and_then_fail() {
    let broker = Scripted::open(|peer| peer.drain());
    let writer = writer(&broker.address())
        .parameter("max_queued_messages_set", [("queue_size", 2)])
        .parameter("write_timeout_ms", 400)
        .open()
        .expect("writer");
    let results: Vec<_> = std::thread::scope(|scope| {
        let writes: Vec<_> = (0..3).map(|_| scope.spawn(|| writer.write("x"))).collect();
        eventually("the outbox is full", || writer.connection_info().outbox_messages == 2);
        writes.into_iter().map(|write| write.join().expect("thread")).collect()
    });
    let messages: Vec<String> = results.into_iter().map(|result| result.expect_err("no answer").to_string()).collect();
    let full = messages.iter().filter(|message| message.contains("the outbox is full; the message was not sent"));
    assert_eq!(full.count(), 1, "{messages:?}");
    let unconfirmed = messages.iter().filter(|message| message.contains("may have been delivered"));
    assert_eq!(unconfirmed.count(), 2, "{messages:?}");
}

#[test]
fn a_frozen_broker_is_noticed_and_a_thawed_one_found_again() {
    let broker = Broker::start();
    let (listener, events) = listen();
    let writer = writer(&broker.plain_address())
        .parameter("connect", [("keepalive", 2), ("connection_timeout", 1)])
        .on_connection_event(listener)
        .open()
        .expect("writer");
    writer.write("before").expect("write");
    broker.freeze();
    let frozen = Instant::now();
    let lost = events.skip_to(is_lost);
    assert!(frozen.elapsed() >= Duration::from_secs(2), "too early: {lost:?}");
    broker.thaw();
    events.skip_to(is_connected);
    writer.write("after").expect("write");
}

#[test]
fn a_ping_tells_whether_the_broker_answers() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let writer = writer(&proxy.address()).open().expect("writer");
    let reader = reader(&proxy.address()).open().expect("reader");
    writer.ping(PATIENCE).expect("an answer");
    reader.ping(PATIENCE).expect("an answer");
    proxy.stall(true);
    let silent = writer.ping(Duration::from_millis(100));
    assert!(matches!(silent, Err(Error::Connection { .. })), "{silent:?}");
    proxy.stall(false);
    writer.ping(PATIENCE).expect("an answer");
    proxy.cut_off(|| writer.is_connected());
    let away = writer.ping(PATIENCE);
    assert!(matches!(away, Err(Error::Connection { .. })), "{away:?}");
}

#[test]
fn flush_waits_for_what_other_threads_have_written() {
    let broker = Scripted::open(|peer| {
        let publish = peer.expect(0x30);
        // The flush must be waiting by now; the test sends a ping to say so.
        peer.expect(PINGREQ);
        let id = [publish.body[3], publish.body[4]];
        peer.send(&[&Packet::new(0xD0, []).bytes()[..], &Packet::new(0x40, id).bytes()].concat());
        peer.drain();
    });
    let writer = writer(&broker.address()).open().expect("writer");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer.write("x"));
        eventually("the write waits", || writer.connection_info().in_flight == 1);
        let flushing = scope.spawn(|| writer.flush());
        assert!(!common::holds_within(Duration::from_millis(100), || flushing.is_finished()));
        writer.ping(PATIENCE).expect("an answer");
        assert_eq!(flushing.join().expect("thread"), Ok(()));
        assert_eq!(writing.join().expect("thread"), Ok(()));
    });
    assert_eq!(writer.flush(), Ok(()));
}

#[test]
fn flush_does_not_wait_for_what_was_withdrawn() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let writer = writer(&proxy.address()).parameter("write_timeout_ms", 300).open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer.write("withdrawn"));
        eventually("the write waits", || writer.connection_info().outbox_messages == 1);
        // The flush begins later, so its own time-out would end later.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(writer.flush(), Ok(()));
        writing.join().expect("thread").expect_err("timed out");
    });
}

#[test]
fn a_subscription_refused_on_the_way_back_is_told() {
    let broker = Scripted::open(|peer| {
        peer.suback(if peer.number == 0 { 1 } else { 0x80 });
        if peer.number > 0 {
            peer.drain();
        }
    });
    let reader = reader(&broker.address()).open().expect("reader");
    let result = reader.read();
    assert!(matches!(result, Err(Error::Authorization { code: 0x80, .. })), "{result:?}");
    assert_eq!(broker.connections(), 2);
}

#[test]
fn delays_grow_while_the_broker_is_away() {
    let mut broker = Broker::start();
    let (listener, events) = listen();
    let writer = writer(&broker.plain_address())
        .parameter("reconnect_delay", [("min_delay", 0.01), ("max_delay", 0.08)])
        .on_connection_event(listener)
        .open()
        .expect("writer");
    broker.kill();
    for longest in [10, 20, 40, 80, 80, 80] {
        let event = events.skip_to(|event| matches!(event, ConnectionEvent::Retrying { .. }));
        let ConnectionEvent::Retrying { delay, .. } = event else { unreachable!() };
        let longest = Duration::from_millis(longest);
        assert!(delay <= longest && delay >= longest / 2, "{delay:?} of {longest:?}");
    }
    drop(writer);
    events.skip_to(|event| *event == ConnectionEvent::Closed);
}

#[test]
fn a_listener_that_panics_does_no_harm() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let builder = writer(&proxy.address()).on_connection_event(|event| panic!("on purpose: {event}"));
    let writer = builder.open().expect("writer");
    proxy.cut();
    eventually("the writer is back", || writer.connection_info().reconnects > 0);
    writer.write("x").expect("write");
}

#[test]
fn a_message_that_was_not_read_comes_again_after_a_cut() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let persistent = |id: &str| reader(&proxy.address()).client_id(id).parameter("clean_session", false);
    let reader = persistent("keeper").open().expect("reader");
    let writer = writer(&broker.plain_address()).open().expect("writer");
    for value in ["one", "two", "three"] {
        writer.write(value).expect("write");
    }
    eventually("they have arrived", || reader.connection_info().inbox_messages == 3);
    proxy.cut();
    eventually("the reader is back", || reader.connection_info().reconnects > 0);
    // The broker sends the messages again, but the application gets each of them once.
    for value in ["one", "two", "three"] {
        assert_eq!(next(&reader).value(), value);
    }
    writer.write("four").expect("write");
    assert_eq!(next(&reader).value(), "four");
    reader.close().expect("close");
    let again: MessageReader<String> =
        persistent("keeper").receive_timeout(Duration::from_millis(300)).open().expect("reader");
    assert_eq!(again.read().expect("read"), None);
}

/// Mosquitto sends its backlog before it answers the subscription.
#[test]
fn a_backlog_larger_than_the_inbox_does_not_stop_the_opening() {
    let broker = Broker::start();
    let persistent = || {
        reader(&broker.plain_address())
            .client_id("behind")
            .parameter("clean_session", false)
            .parameter("max_received_messages", 5)
            .parameter("connect", [("connection_timeout", 5)])
    };
    persistent().open().expect("reader").close().expect("close");
    let writer = writer(&broker.plain_address()).open().expect("writer");
    for number in 0..30 {
        writer.write(&number.to_string()).expect("write");
    }
    let reader = persistent().open().expect("reader");
    for number in 0..30 {
        assert_eq!(next(&reader).value(), &number.to_string());
    }
}

#[test]
fn a_reader_that_is_behind_keeps_its_connection() {
    let broker = Broker::start();
    let (listener, events) = listen();
    let reader = reader(&broker.plain_address())
        .parameter("max_received_messages", 3)
        .parameter("connect", [("keepalive", 1)])
        .on_connection_event(listener)
        .open()
        .expect("reader");
    let writer = writer(&broker.plain_address()).open().expect("writer");
    for number in 0..30 {
        writer.write(&number.to_string()).expect("write");
    }
    // Several keep-alive intervals pass while nothing is read from the socket.
    events.skip_to(is_connected);
    assert_eq!(events.0.recv_timeout(Duration::from_secs(4)), Err(RecvTimeoutError::Timeout));
    for number in 0..30 {
        assert_eq!(next(&reader).value(), &number.to_string());
    }
}

#[test]
fn one_message_that_the_broker_does_not_take_does_not_stop_the_others() {
    let broker = Broker::start_with(common::certificates::server(), "max_packet_size 1000");
    let writer = writer(&broker.plain_address()).parameter("write_timeout_ms", 500).open().expect("writer");
    writer.write(&"x".repeat(2000)).expect_err("too large for this broker");
    eventually("others get through", || writer.write("small").is_ok());
}

#[test]
fn flush_after_the_end_tells_why_it_ended() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let builder = writer(&proxy.address()).parameter("connect", [("automatic_reconnect", false)]);
    let writer = builder.open().expect("writer");
    proxy.cut_off(|| writer.is_connected());
    let flushed = writer.flush();
    assert!(matches!(flushed, Err(Error::Io(_))), "{flushed:?}");
}

#[test]
fn another_brokers_session_is_not_ours() {
    let first = Scripted::open(|peer| {
        let id = [4, 5].map({
            let publish = peer.expect(0x30);
            move |index: usize| publish.body[index - 1]
        });
        // The broker has the message, and ends.
        peer.send(&Packet::new(0x50, id).bytes());
        peer.expect(0x60);
    });
    // The session at this broker does not belong to the client's publishes, so it must be discarded.
    let is_there = AtomicBool::new(true);
    let second = Scripted::start(move |peer| {
        let clean = Connect::parse(&peer.expect(raw::CONNECT)).clean_session;
        if clean {
            is_there.store(false, Ordering::SeqCst);
        }
        let present = is_there.load(Ordering::SeqCst);
        peer.send(&[0x20, 2, present.into(), 0]);
        if clean || present {
            peer.expect(raw::DISCONNECT);
            return;
        }
        let publish = peer.expect(0x30);
        assert_eq!(publish.first & 8, 0, "DUP");
        let id = [publish.body[3], publish.body[4]];
        peer.send(&Packet::new(0x50, id).bytes());
        peer.expect(0x60);
        peer.send(&Packet::new(0x70, id).bytes());
        peer.drain();
    });
    let writer = writer("unused")
        .consistency(Consistency::ExactlyOnce)
        .client_id("w")
        .parameter("clean_session", false)
        .parameter("brokers", vec![first.address(), second.address()])
        .open()
        .expect("writer");
    assert_eq!(writer.write("x"), Ok(()));
    assert_eq!(second.connections(), 3);
}

/// Some brokers refuse a publish of MQTT 3.1.1 by ending the connection.
#[test]
fn a_publish_on_which_the_broker_ends_the_connection_three_times_fails_alone() {
    let broker = Scripted::open(|peer| {
        while let Some(packet) = peer.packet() {
            match packet.first & 0xF0 {
                0x30 if packet.body.windows(3).any(|part| part == b"bad") => {
                    // Publishes that were read before are not acknowledged any more, either.
                    return peer.send(&[0xE0, 0]);
                }
                0x30 => peer.send(&Packet::new(0x40, [packet.body[3], packet.body[4]]).bytes()),
                _ => {}
            }
        }
    });
    let writer = writer(&broker.address()).parameter("reconnect_delay", common::quickly()).open().expect("writer");
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| writer.write("bad"));
        let others: Vec<_> = (0..10)
            .map(|n| {
                scope.spawn({
                    let writer = &writer;
                    move || writer.write(&format!("good {n}"))
                })
            })
            .collect();
        let message = common::told(bad.join().expect("thread"), "Io", &["sent 3 times", "ended the connection"]);
        assert!(!message.contains("bad"), "{message}");
        for other in others {
            assert_eq!(other.join().expect("thread"), Ok(()));
        }
    });
    // The next write uses a new connection, also when the bad publish was the last one.
    assert_eq!(writer.write("more"), Ok(()));
    // Good publishes may have been in flight with the bad one, and each of them may have been the suspect once.
    assert!((4..=25).contains(&broker.connections()), "{}", broker.connections());
}

/// Mosquitto has room for 20 messages at QoS 2 per client; publishes that timed out must not occupy it for ever.
#[test]
fn messages_at_qos_2_that_were_given_up_take_no_place_at_the_broker() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.plain);
    let reader = reader(&broker.plain_address()).consistency(Consistency::ExactlyOnce).open().expect("reader");
    let writer = writer(&proxy.address())
        .consistency(Consistency::ExactlyOnce)
        .client_id("gives-up")
        .parameter("clean_session", false)
        .parameter("write_timeout_ms", 3000)
        .open()
        .expect("writer");
    let write_all = |count: u32, word: &str, check: fn(Result<(), Error>)| {
        std::thread::scope(|scope| {
            for number in 0..count {
                let (writer, text) = (&writer, format!("{word} {number}"));
                scope.spawn(move || check(writer.write(&text)));
            }
        });
    };
    proxy.stall_answers(true);
    write_all(20, "lost", |result| drop(common::told(result, "TimedOut", &["timed out", "may have been delivered"])));
    eventually("the broker has them", || broker.log().matches("Received PUBLISH from gives-up").count() == 20);
    proxy.cut();
    proxy.stall_answers(false);
    eventually("back", || writer.is_connected() && writer.connection_info().reconnects > 0);
    write_all(40, "kept", |result| result.expect("write"));
    let mut kept = 0;
    while kept < 40 {
        kept += usize::from(next(&reader).value().starts_with("kept"));
    }
}
