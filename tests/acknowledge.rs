//! Tests `acknowledge: processed`: unacknowledged messages come again, also when the process is killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::events::listen;
use crate::common::process::own_test;
use crate::common::proxy::Proxy;
use crate::common::{PATIENCE, block_on, eventually, next, within};
use sinetstream::{
    Acknowledge, AsyncMessageReader, ConnectionEvent, Consistency, Message, MessageReader, MessageReaderBuilder,
};

const QOS: [Consistency; 2] = [Consistency::AtLeastOnce, Consistency::ExactlyOnce];

/// Returns the builder of a reader that keeps its session at the broker and reconnects at once.
fn worker(address: &str, topic: &str, client_id: &str, qos: Consistency) -> MessageReaderBuilder<String> {
    common::reader(address, topic)
        .client_id(client_id)
        .consistency(qos)
        .acknowledge(Acknowledge::Processed)
        .parameter("clean_session", false)
        .parameter("connect", [("automatic_reconnect", true)])
        .parameter("reconnect_delay", common::quickly())
}

fn write(address: &str, topic: &str, qos: Consistency, values: impl IntoIterator<Item = usize>) {
    let writer = common::writer::<str>(address, topic).consistency(qos).open().expect("writer");
    values.into_iter().for_each(|value| writer.write(&value.to_string()).expect("write"));
    writer.close().expect("close");
}

/// Returns the messages that the broker still has for this reader: all that come before one that is written now.
fn left(broker: &Broker, reader: &MessageReader<String>, topic: &str) -> Vec<String> {
    let writer = common::writer::<str>(&broker.plain_address(), topic).consistency(Consistency::AtLeastOnce);
    writer.open().expect("writer").write("end").expect("write");
    let mut values = Vec::new();
    loop {
        let message = next(reader);
        message.acknowledge();
        if message.value() == "end" {
            return values;
        }
        values.push(message.into_value());
    }
}

/// This is no test by itself, but the process that is killed. It prints each message that it has processed just before it
/// acknowledges it.
#[test]
fn child() {
    let Ok(address) = std::env::var("ACKNOWLEDGE_CHILD") else { return };
    let of = |name: &str| std::env::var(name).expect("a variable");
    let qos = if of("ACKNOWLEDGE_QOS") == "2" { Consistency::ExactlyOnce } else { Consistency::AtLeastOnce };
    let reader = worker(&address, &of("ACKNOWLEDGE_TOPIC"), &of("ACKNOWLEDGE_ID"), qos).open().expect("reader");
    println!("ready");
    // Several threads process messages at a time, so that many are unacknowledged when the process is killed.
    let (give, take) = channel::<Message<String>>();
    let take = Mutex::new(take);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let Ok(message) = take.lock().expect("lock").recv() else { return };
                    std::thread::sleep(Duration::from_micros(fastrand::u64(..500)));
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "processed {}", message.value()).and_then(|()| out.flush()).expect("the harness");
                    drop(out);
                    message.acknowledge();
                }
            });
        }
        while let Ok(Some(message)) = reader.read() {
            give.send(message).expect("send");
        }
        drop(give);
    });
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        self.0.kill().expect("SIGKILL");
        self.0.wait().expect("the child's end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Worker {
    process: Process,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Worker {
    fn start(broker: &Broker, topic: &str, id: &str, qos: Consistency) -> Worker {
        let mut process = own_test(module_path!(), "child")
            .env("ACKNOWLEDGE_CHILD", broker.plain_address())
            .env("ACKNOWLEDGE_TOPIC", topic)
            .env("ACKNOWLEDGE_ID", id)
            .env("ACKNOWLEDGE_QOS", qos.qos().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child");
        let lines = BufReader::new(process.stdout.take().expect("stdout")).lines();
        let mut worker = Worker { process: Process(process), lines };
        while !worker.line().expect("the child is ready").ends_with("ready") {}
        worker
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().and_then(Result::ok)
    }

    /// Returns the next message that the process has processed; `None` if it has ended and the pipe is empty.
    fn processed(&mut self) -> Option<usize> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| line.split_once("processed ")?.1.parse().ok())
    }

    /// Kills the process, and returns the processed messages that were still in the pipe.
    fn kill(mut self) -> Vec<usize> {
        self.process.kill();
        std::iter::from_fn(|| self.processed()).collect()
    }
}

/// Returns the number of kills, which `ACKNOWLEDGE_KILLS` sets (30 by default).
fn kills() -> usize {
    std::env::var("ACKNOWLEDGE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30)
}

fn no_message_is_lost_with_the_process(qos: Consistency, kills: usize) {
    const EACH: usize = 40;
    let broker = Broker::start();
    let address = broker.plain_address();
    worker(&address, "t", "worker", qos).open().expect("the session").close().expect("close");
    let mut processed = HashSet::new();
    for round in 0..kills {
        write(&address, "t", qos, round * EACH..(round + 1) * EACH);
        let mut child = Worker::start(&broker, "t", "worker", qos);
        for _ in 0..fastrand::usize(1..EACH) {
            processed.insert(child.processed().expect("the child works"));
        }
        processed.extend(child.kill());
    }
    let mut child = Worker::start(&broker, "t", "worker", qos);
    while processed.len() < kills * EACH {
        processed.insert(child.processed().expect("the child works"));
    }
    child.kill();
}

#[test]
fn no_message_is_lost_with_the_process_that_is_at_work_on_it() {
    within(PATIENCE * 15, || no_message_is_lost_with_the_process(Consistency::AtLeastOnce, kills()));
}

#[test]
fn no_message_of_qos_2_is_lost_with_the_process_that_is_at_work_on_it() {
    within(PATIENCE * 15, || no_message_is_lost_with_the_process(Consistency::ExactlyOnce, kills().div_ceil(3)));
}

/// Messages that the broker has sent to the killed worker are sent to it again when it is back; all others go to the other
/// workers.
#[test]
fn no_message_of_a_shared_subscription_is_lost_when_one_of_the_workers_is_killed() {
    within(PATIENCE * 5, || {
        const MESSAGES: usize = 300;
        let (qos, topic) = (Consistency::AtLeastOnce, "$share/workers/t");
        let broker = Broker::start();
        let mut workers: Vec<_> = ["1", "2", "3"].map(|id| Worker::start(&broker, topic, id, qos)).into();
        let address = broker.plain_address();
        let writing = std::thread::spawn(move || write(&address, "t", qos, 0..MESSAGES));
        let mut processed: HashSet<usize> = workers[0].processed().into_iter().collect();
        let dying = workers.remove(0);
        processed.extend(dying.kill());
        writing.join().expect("the writer");
        workers.push(Worker::start(&broker, topic, "1", qos));
        let (tell, told) = channel();
        let mut processes = Vec::new();
        for Worker { process, lines } in workers {
            processes.push(process);
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    let number = line.split_once("processed ").and_then(|(_, number)| number.parse().ok());
                    if number.is_some_and(|number| tell.send(number).is_err()) {
                        return;
                    }
                }
            });
        }
        while processed.len() < MESSAGES {
            processed.insert(told.recv_timeout(PATIENCE).expect("a message is missing"));
        }
    });
}

#[test]
fn only_what_was_not_acknowledged_comes_to_the_next_reader() {
    for qos in QOS {
        let broker = Broker::start();
        let address = broker.plain_address();
        let reader = worker(&address, "t", "worker", qos).open().expect("reader");
        write(&address, "t", qos, 0..10);
        let messages: Vec<_> = (0..10).map(|_| next(&reader)).collect();
        // The messages are acknowledged in a different order, by several threads, some of them twice, and one by its clone.
        std::thread::scope(|scope| {
            for part in [[3, 0, 4], [1, 5, 3], [2, 6, 6]] {
                let messages = &messages;
                scope.spawn(move || part.into_iter().for_each(|index| messages[index].clone().acknowledge()));
            }
        });
        assert_eq!(messages[0], messages[0].clone());
        within(PATIENCE, move || reader.close().expect("close"));
        // This acknowledgement comes too late, and has no effect.
        messages[7].acknowledge();
        drop(messages);
        let reader = worker(&address, "t", "worker", qos).open().expect("reader");
        assert_eq!(left(&broker, &reader, "t"), ["7", "8", "9"], "{qos:?}");
    }
}

#[test]
fn a_message_that_is_still_there_after_a_cut_does_not_come_twice_and_one_that_was_dropped_does() {
    for qos in QOS {
        let broker = Broker::start();
        let proxy = Proxy::start(broker.plain);
        let (listener, events) = listen();
        let reader = worker(&proxy.address(), "t", "worker", qos).on_connection_event(listener).open().expect("reader");
        events.connected();
        write(&broker.plain_address(), "t", qos, 0..5);
        let mut messages: Vec<_> = (0..5).map(|_| next(&reader)).collect();
        drop(messages.remove(1));
        // This acknowledgement waits for the message that was dropped.
        messages[1].acknowledge();
        proxy.cut();
        events.lost();
        assert!(events.connected(), "the session is kept");
        let again = next(&reader);
        assert_eq!((again.value().as_str(), again.is_duplicate()), ("1", true));
        messages.iter().for_each(Message::acknowledge);
        again.acknowledge();
        assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new(), "{qos:?}");
        reader.close().expect("close");
        let reader = worker(&broker.plain_address(), "t", "worker", qos).open().expect("reader");
        assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new(), "{qos:?}: all are acknowledged");
    }
}

#[test]
fn what_is_acknowledged_after_the_session_was_lost_is_void_and_holds_up_nothing() {
    let mut broker = Broker::start();
    let address = broker.plain_address();
    let (listener, events) = listen();
    let reader = worker(&address, "t", "worker", Consistency::AtLeastOnce).on_connection_event(listener);
    let reader = reader.open().expect("reader");
    events.connected();
    write(&address, "t", Consistency::AtLeastOnce, 0..3);
    let mut messages: Vec<_> = (0..3).map(|_| next(&reader)).collect();
    drop(messages.remove(1));
    // Without persistence, the restarted broker has forgotten the session.
    broker.restart();
    assert!(!events.connected());
    eventually("the subscription is there again", || {
        write(&address, "t", Consistency::AtLeastOnce, [7]);
        reader.connection_info().inbox_messages > 2
    });
    messages[0].acknowledge();
    assert!(left(&broker, &reader, "t").iter().all(|value| value == "7"));
    assert_eq!(reader.connection_info().inbox_messages, 1, "the one that is still held");
    reader.close().expect("close");
    let reader = worker(&address, "t", "worker", Consistency::AtLeastOnce).open().expect("reader");
    assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new(), "the new ones did not wait for the old one");
    messages[1].acknowledge();
}

#[test]
fn a_program_that_does_not_acknowledge_is_told_why_nothing_comes_any_more() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let (listener, events) = listen();
    let reader = worker(&address, "t", "worker", Consistency::AtLeastOnce).on_connection_event(listener);
    let reader = reader.receive_timeout(6 * PATIENCE).open().expect("reader");
    write(&address, "t", Consistency::AtLeastOnce, 0..30);
    // Mosquitto sends at most this many unacknowledged messages.
    let messages: Vec<_> = (0..20).map(|_| next(&reader)).collect();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| next(&reader));
        let warning = loop {
            let event = events.0.recv_timeout(3 * PATIENCE).expect("the warning");
            if let ConnectionEvent::Warning { text } = event {
                break text;
            }
        };
        assert_eq!(
            warning,
            "no messages come any more, since 20 are not acknowledged to the broker: 20 of them wait for the program to \
             acknowledge them"
        );
        messages.iter().for_each(Message::acknowledge);
        assert_eq!(waiting.join().expect("the reader").value(), "20");
    });
    assert!(events.0.try_iter().all(|event| !matches!(event, ConnectionEvent::Warning { .. })), "it is told once");
}

#[test]
fn messages_of_qos_0_need_no_acknowledgement_and_do_not_count() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = worker(&address, "t", "worker", Consistency::AtLeastOnce).parameter("max_received_messages", 5);
    let reader = reader.open().expect("reader");
    write(&address, "t", Consistency::AtLeastOnce, 0..1);
    let held = next(&reader);
    for number in 0..50 {
        write(&address, "t", Consistency::AtMostOnce, [number]);
        let message = next(&reader);
        assert_eq!(message.value(), &number.to_string());
        message.acknowledge();
    }
    assert_eq!(reader.connection_info().inbox_messages, 1);
    held.acknowledge();
    assert_eq!(reader.connection_info().inbox_messages, 0);
}

#[test]
fn a_full_inbox_goes_on_when_its_messages_are_acknowledged_or_dropped() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = worker(&address, "t", "worker", Consistency::AtLeastOnce).parameter("max_received_messages", 4);
    let reader = reader.open().expect("reader");
    for number in 0..40 {
        write(&address, "t", Consistency::AtLeastOnce, [number]);
    }
    for _ in 0..10 {
        let four = reader.read_many(2, PATIENCE).expect("read");
        let others: Vec<_> = std::iter::repeat_with(|| next(&reader)).take(4 - four.len()).collect();
        four.iter().chain(&others).rev().for_each(Message::acknowledge);
    }
    assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new());
}

#[test]
fn a_message_that_is_none_is_acknowledged_since_the_program_does_not_get_it() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let qos = Consistency::AtLeastOnce;
    let reader = worker(&address, "t", "worker", qos).open().expect("reader");
    write(&address, "t", qos, [1]);
    let writer = common::writer::<[u8]>(&address, "t").consistency(qos).open().expect("writer");
    writer.write(&[0xFF]).expect("write");
    write(&address, "t", qos, [2]);
    let first = next(&reader);
    common::told(reader.read(), "InvalidMessage", &["the value can't be decoded"]);
    let last = next(&reader);
    first.acknowledge();
    last.acknowledge();
    reader.close().expect("close");
    let reader = worker(&address, "t", "worker", qos).open().expect("reader");
    assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new());
}

#[test]
fn an_asynchronous_program_acknowledges_too() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let qos = Consistency::AtLeastOnce;
    let reader: AsyncMessageReader<String> =
        block_on(worker(&address, "t", "worker", qos).open_async()).expect("reader");
    write(&address, "t", qos, 0..6);
    let mut messages = Vec::new();
    block_on(async {
        let mut reader = reader;
        messages.push(reader.read().await.expect("read").expect("a message"));
        while messages.len() < 3 {
            messages.extend(reader.read_many(2, PATIENCE).await.expect("read"));
        }
        while messages.len() < 6 {
            let next = std::future::poll_fn(|context| {
                futures_core::Stream::poll_next(std::pin::Pin::new(&mut reader), context)
            });
            messages.push(next.await.expect("the stream goes on").expect("a message"));
        }
        messages.iter().step_by(2).chain([&messages[1]]).for_each(Message::acknowledge);
        reader.close().await.expect("close");
    });
    let reader = worker(&address, "t", "worker", qos).open().expect("reader");
    assert_eq!(
        left(&broker, &reader, "t"),
        ["3", "4", "5"],
        "what waits behind one that is not acknowledged comes, too"
    );
}

#[test]
fn a_message_that_was_acknowledged_when_it_was_taken_has_nothing_to_acknowledge() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let qos = Consistency::AtLeastOnce;
    let reader = worker(&address, "t", "worker", qos).acknowledge(Acknowledge::Taken).open().expect("reader");
    write(&address, "t", qos, 0..2);
    next(&reader).acknowledge();
    drop(next(&reader));
    reader.close().expect("close");
    let reader = worker(&address, "t", "worker", qos).open().expect("reader");
    assert_eq!(left(&broker, &reader, "t"), Vec::<String>::new());
}

#[test]
fn what_acknowledge_needs_is_said() {
    let broker = Broker::start();
    let warnings = |builder: MessageReaderBuilder<String>| {
        let (reader, warnings) = common::warnings::collect(|| builder.open().expect("reader"));
        reader.close().expect("close");
        warnings
    };
    let builder = || worker(&broker.plain_address(), "t", "worker", Consistency::AtLeastOnce);
    assert_eq!(warnings(builder()), Vec::<String>::new());
    let needs = |builder, words: &str| {
        let warnings = warnings(builder);
        assert!(warnings.len() == 1 && warnings[0].contains(words), "{warnings:?}");
    };
    needs(builder().parameter("clean_session", true), "it needs 'client_id' and 'clean_session: false'");
    needs(builder().consistency(Consistency::AtMostOnce), "'acknowledge' has no effect: at QoS 0");
    let tries = builder().acknowledge(Acknowledge::Taken).parameter("processed_tries", 3);
    needs(tries, "'processed_tries' has no effect: it needs 'acknowledge: processed'");
}
