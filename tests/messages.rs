//! Tests writing and reading over a real broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common;
use crate::common::broker::Broker;
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, PATIENCE, block_on, eventually, next, next_values, raw, reader, writer};
use sinetstream::{AsyncMessageReader, AsyncMessageWriter, Consistency, Error, Message, MessageReader, MessageWriter};

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64
}

#[test]
fn blocking_at_every_consistency() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("blocking/{consistency}");
        let reader =
            reader::<String>(&broker.plain_address(), &topic).consistency(consistency).open().expect("a reader");
        let writer = writer::<str>(&broker.plain_address(), &topic).consistency(consistency).open().expect("a writer");
        let before = now_us();
        let values: Vec<String> = (0..200).map(|n| format!("message {n}")).collect();
        values.iter().for_each(|value| writer.write(value).expect("write"));
        for value in &values {
            let message = next(&reader);
            assert_eq!(message.value(), value);
            assert_eq!(message.topic(), topic);
            assert!((before..=now_us()).contains(&message.timestamp_us()), "{consistency}");
        }
        writer.close().expect("close");
        reader.close().expect("close");
    }
}

#[test]
fn asynchronous_at_every_consistency() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("asynchronous/{consistency}");
        block_on(async {
            let reader: AsyncMessageReader<Vec<u8>> =
                reader(&broker.plain_address(), &topic).consistency(consistency).open_async().await.expect("a reader");
            let writer: AsyncMessageWriter<[u8]> =
                writer(&broker.plain_address(), &topic).consistency(consistency).open_async().await.expect("a writer");
            for n in 0..200_u32 {
                writer.write_at(&n.to_be_bytes(), i64::from(n)).await.expect("write");
            }
            for n in 0..200_u32 {
                let message = reader.read().await.expect("read").expect("a message");
                assert_eq!((message.value().as_slice(), message.timestamp_us()), (&n.to_be_bytes()[..], i64::from(n)));
            }
            writer.close().await.expect("close");
            reader.close().await.expect("close");
        });
    }
}

#[test]
fn asynchronous_inside_tokio() {
    let broker = Broker::start();
    // The runtime has neither timer nor I/O driver, because the crate brings its own.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let reader: AsyncMessageReader<String> =
            reader(&broker.plain_address(), "t").open_async().await.expect("a reader");
        let writer: AsyncMessageWriter<str> = writer(&broker.plain_address(), "t").open_async().await.expect("open");
        writer.write("inside tokio").await.expect("write");
        assert_eq!(reader.read().await.expect("read").expect("a message").value(), "inside tokio");
    });
}

/// Futures are sent in the order in which they are polled, whatever is awaited first.
#[test]
fn concurrent_asynchronous_writes_keep_their_order() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("concurrent/{consistency}");
        let reader = reader::<Vec<u8>>(&address, &topic).consistency(consistency).open().expect("a reader");
        let writer: AsyncMessageWriter<[u8]> =
            block_on(writer(&address, &topic).consistency(consistency).open_async()).expect("a writer");
        let values: Vec<[u8; 4]> = (0..3000_u32).map(u32::to_be_bytes).collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut writes: Vec<_> = values.iter().map(|value| Box::pin(writer.write(&value[..]))).collect();
        let pending: Vec<_> = writes
            .iter_mut()
            .filter_map(|write| match write.as_mut().poll(&mut context) {
                Poll::Ready(result) => {
                    result.expect("write");
                    None
                }
                Poll::Pending => Some(write),
            })
            .collect();
        for write in pending.into_iter().rev() {
            block_on(write).expect("write");
        }
        assert_eq!(next_values(&reader, values.len()), values, "{consistency}");
    }
}

#[test]
fn a_payload_of_one_mebibyte_and_an_empty_one() {
    let broker = Broker::start();
    let large: Vec<u8> = (0..1 << 20).map(|i| ((i * 31 + (i >> 8)) & 255) as u8).collect();
    for consistency in EVERY_CONSISTENCY {
        let reader =
            reader::<Vec<u8>>(&broker.plain_address(), "large").consistency(consistency).open().expect("a reader");
        let writer =
            writer::<[u8]>(&broker.plain_address(), "large").consistency(consistency).open().expect("a writer");
        for value in [&large[..], &[], &large] {
            writer.write(value).expect("write");
        }
        assert!(next(&reader).into_value() == large, "{consistency}");
        assert_eq!(next(&reader).into_value(), [0; 0]);
        assert!(next(&reader).into_value() == large, "{consistency}");
    }
}

#[test]
fn text_is_utf_8_and_so_are_topics() {
    let broker = Broker::start();
    let topic = "日本/こんにちは/é 😀";
    let text = "こんにちは é 😀 \0 \u{feff}";
    let reader = reader::<String>(&broker.plain_address(), topic).open().expect("a reader");
    let writer = writer::<str>(&broker.plain_address(), topic).open().expect("a writer");
    assert_eq!(writer.topic(), topic);
    assert_eq!(reader.topics(), [topic]);
    writer.write(text).expect("write");
    let message = next(&reader);
    assert_eq!((message.topic(), message.value().as_str()), (topic, text));
}

#[test]
fn serializers_of_your_own() {
    let broker = Broker::start();
    let reader = MessageReader::<u32>::builder_with(|bytes| Ok(u32::from_be_bytes(bytes.try_into()?)))
        .no_config(true)
        .service_type("mqtt")
        .parameter("brokers", broker.plain_address())
        .receive_timeout(PATIENCE)
        .topic("numbers")
        .open()
        .expect("a reader");
    let writer = MessageWriter::<u32>::builder_with(|number| match number {
        13 => Err("not this number".into()),
        _ => Ok(number.to_be_bytes().to_vec()),
    })
    .no_config(true)
    .service_type("mqtt")
    .parameter("brokers", broker.plain_address())
    .topic("numbers")
    .open()
    .expect("a writer");
    let refused = writer.write(&13).expect_err("the serializer refuses it");
    assert!(refused.to_string().contains("not this number"), "{refused}");
    writer.write(&14).expect("write");
    assert_eq!(next(&reader).value(), &14);
}

#[test]
fn wildcards_match_and_messages_have_concrete_topics() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "w/+/temperature").topic("w/attic/#").open().expect("a reader");
    assert_eq!(reader.topics(), ["w/+/temperature", "w/attic/#"]);
    for topic in ["w/cellar/temperature", "w/cellar/humidity", "w/attic/a/b", "other", "w/attic"] {
        writer::<str>(&address, topic).open().expect("a writer").write(topic).expect("write");
    }
    writer::<str>(&address, "w/end/temperature").open().expect("a writer").write("end").expect("write");
    let mut topics = HashSet::new();
    loop {
        let message = next(&reader);
        if message.value() == "end" {
            break;
        }
        assert_eq!(message.topic(), message.value());
        topics.insert(message.into_value());
    }
    let expected = ["w/cellar/temperature", "w/attic/a/b", "w/attic"];
    assert_eq!(topics, expected.iter().map(|topic| topic.to_string()).collect());
}

#[test]
fn several_topics_from_one_reader() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "several/0").topics(["several/1", "several/2"]).open().expect("a reader");
    for n in 0..4 {
        let topic = format!("several/{n}");
        writer::<str>(&address, &topic)
            .consistency(Consistency::AtLeastOnce)
            .open()
            .expect("a writer")
            .write(&topic)
            .expect("write");
    }
    writer::<str>(&address, "several/0").open().expect("a writer").write("end").expect("write");
    let mut values: Vec<String> = reader
        .iter()
        .map(|message| message.expect("read").into_value())
        .take_while(|value| value.as_str() != "end")
        .collect();
    values.sort();
    assert_eq!(values, ["several/0", "several/1", "several/2"]);
}

#[test]
fn a_retained_message_reaches_later_readers() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let retaining = writer::<str>(&address, "retain/yes").parameter("retain", true).open().expect("a writer");
    retaining.write("kept").expect("write");
    let plain = writer::<str>(&address, "retain/no").open().expect("a writer");
    plain.write("lost").expect("write");
    retaining.close().expect("close");
    plain.close().expect("close");
    eventually("both have arrived", || broker.log().matches("Received PUBLISH").count() == 2);
    let reader = reader::<String>(&address, "retain/#").open().expect("a reader");
    writer::<str>(&address, "retain/end").open().expect("a writer").write("end").expect("write");
    assert_eq!(next_values(&reader, 2), ["kept", "end"]);
}

#[test]
fn two_threads_share_one_writer() {
    const COUNT: u32 = 2000;
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in EVERY_CONSISTENCY {
        let topic = format!("shared/{consistency}");
        let reader = reader::<Vec<u8>>(&address, &topic).consistency(consistency).open().expect("a reader");
        let writer = writer::<[u8]>(&address, &topic).consistency(consistency).open().expect("a writer");
        std::thread::scope(|scope| {
            for thread in 0..2_u8 {
                let writer = &writer;
                scope.spawn(move || {
                    for n in 0..COUNT {
                        writer.write(&[&[thread][..], &n.to_be_bytes()].concat()).expect("write");
                    }
                });
            }
            let mut expected = [0_u32; 2];
            for value in next_values(&reader, 2 * COUNT as usize) {
                let number = u32::from_be_bytes(value[1..].try_into().expect("four bytes"));
                let of_thread = &mut expected[usize::from(value[0])];
                assert_eq!(number, *of_thread, "{consistency}: thread {}", value[0]);
                *of_thread += 1;
            }
            assert_eq!(expected, [COUNT; 2]);
        });
        assert_eq!(writer.metrics().msg_count_total, u64::from(2 * COUNT));
    }
}

#[test]
fn each_message_goes_to_one_of_a_readers_threads() {
    const COUNT: usize = 2000;
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "shared")
        .consistency(Consistency::AtLeastOnce)
        .receive_timeout(Duration::from_millis(500))
        .open()
        .expect("a reader");
    let reader = Arc::new(reader);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let reader = reader.clone();
            std::thread::spawn(move || {
                let mut values = Vec::new();
                let mut first = true;
                loop {
                    match reader.read().expect("read") {
                        Some(message) => values.push(message.into_value()),
                        // The writer may not have started yet.
                        None if first => {}
                        None => return values,
                    }
                    first = values.is_empty() && first;
                }
            })
        })
        .collect();
    let writer = writer::<str>(&address, "shared").consistency(Consistency::AtLeastOnce).open().expect("a writer");
    (0..COUNT).for_each(|n| writer.write(&n.to_string()).expect("write"));
    let mut values: Vec<usize> = Vec::new();
    for thread in threads {
        values.extend(thread.join().expect("a thread").iter().map(|value| value.parse::<usize>().expect("a number")));
    }
    values.sort_unstable();
    assert!(values.iter().copied().eq(0..COUNT), "{} messages", values.len());
}

#[test]
fn the_receive_timeout_is_kept() {
    let broker = Broker::start();
    for milliseconds in [0, 1, 300] {
        let timeout = Duration::from_millis(milliseconds);
        let reader =
            reader::<String>(&broker.plain_address(), "silent").receive_timeout(timeout).open().expect("a reader");
        let start = Instant::now();
        assert!(reader.read().expect("read").is_none());
        let took = start.elapsed();
        assert!(took >= timeout && took < timeout + Duration::from_secs(2), "{timeout:?} took {took:?}");
        assert_eq!(reader.iter().count(), 0);
        assert_eq!(reader.metrics().error_count_total, 0, "a time-out is no error");
    }
    let reader: AsyncMessageReader<String> =
        block_on(reader(&broker.plain_address(), "silent").receive_timeout(Duration::from_millis(300)).open_async())
            .expect("a reader");
    let start = Instant::now();
    assert!(block_on(reader.read()).expect("read").is_none());
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(2300), "{took:?}");
}

#[test]
fn without_waiting_a_reader_still_gets_what_is_there() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "t").receive_timeout(Duration::ZERO).open().expect("a reader");
    writer::<str>(&address, "t").open().expect("a writer").write("here").expect("write");
    let mut found = None;
    eventually("the message is there", || {
        found = reader.read().expect("read");
        found.is_some()
    });
    assert_eq!(found.expect("a message").value(), "here");
}

#[test]
fn a_dropped_read_loses_no_message() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader: AsyncMessageReader<String> = block_on(reader(&address, "t").open_async()).expect("a reader");
    let writer = writer::<str>(&address, "t").open().expect("a writer");
    for n in 0..200 {
        let mut read = Box::pin(reader.read());
        let mut context = Context::from_waker(Waker::noop());
        assert!(read.as_mut().poll(&mut context).is_pending());
        if n % 2 == 0 {
            drop(read);
            writer.write(&n.to_string()).expect("write");
        } else {
            // The message may or may not arrive while nobody polls the future.
            writer.write(&n.to_string()).expect("write");
            drop(read);
        }
        let message = block_on(reader.read()).expect("read").expect("a message");
        assert_eq!(message.value(), &n.to_string());
    }
}

#[test]
fn a_slow_reader_gets_everything() {
    const COUNT: u32 = 15_000;
    let broker = Broker::start();
    let address = broker.plain_address();
    for consistency in [Consistency::AtMostOnce, Consistency::AtLeastOnce] {
        let topic = format!("slow/{consistency}");
        let reader = reader::<Vec<u8>>(&address, &topic).consistency(consistency).open().expect("a reader");
        let mut raw = raw::Client::connect(broker.plain);
        let writer: AsyncMessageWriter<[u8]> =
            block_on(writer(&address, &topic).consistency(consistency).open_async()).expect("a writer");
        raw.subscribe(&topic);
        block_on(async {
            for n in 0..COUNT {
                writer.write(&n.to_be_bytes()).await.expect("write");
            }
            writer.close().await.expect("close");
        });
        // All messages are at the broker, and more than the reader's inbox holds wait there.
        (0..COUNT).for_each(|_| drop(raw.next()));
        for n in 0..COUNT {
            assert_eq!(next(&reader).into_value(), n.to_be_bytes(), "{consistency}");
        }
    }
}

#[test]
fn a_message_that_cannot_be_decoded_is_passed_over() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "t").open().expect("a reader");
    let mut raw = raw::Client::connect(broker.plain);
    raw.publish("t", b"not SINETStream");
    let error = reader.read().expect_err("not a message");
    assert!(matches!(error, sinetstream::Error::InvalidMessage(_)), "{error:?}");
    writer::<[u8]>(&address, "t").open().expect("a writer").write(b"\xff\xfe").expect("write");
    let error = reader.read().expect_err("not UTF-8");
    assert!(matches!(error, sinetstream::Error::InvalidMessage(_)), "{error:?}");
    writer::<str>(&address, "t").open().expect("a writer").write("good").expect("write");
    assert_eq!(next(&reader).value(), "good");
    assert!(reader.metrics().error_count_total >= 2, "{:?}", reader.metrics());
}

#[test]
fn metrics_count_messages_bytes_and_errors() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<Vec<u8>>(&address, "t").open().expect("a reader");
    let writer = writer::<[u8]>(&address, "t").open().expect("a writer");
    let fresh = writer.metrics();
    assert_eq!((fresh.msg_count_total, fresh.msg_size_min, fresh.msg_size_max), (0, None, None));
    for length in [0_usize, 10, 100] {
        writer.write_at(&vec![7; length], 0).expect("write");
        next(&reader);
    }
    // The sizes are those of the header, Avro's header, one byte of timestamp, and one or two bytes of length.
    let sizes = [6 + 10 + 2_u64, 6 + 10 + 2 + 10, 6 + 10 + 3 + 100];
    for metrics in [writer.metrics(), reader.metrics()] {
        assert_eq!(metrics.msg_count_total, 3);
        assert_eq!(metrics.msg_bytes_total, sizes.iter().sum::<u64>());
        assert_eq!((metrics.msg_uncompressed_bytes_total, metrics.msg_compressed_bytes_total), (110, 110));
        assert_eq!((metrics.msg_size_min, metrics.msg_size_max), (Some(sizes[0]), Some(sizes[2])));
        assert_eq!(metrics.error_count_total, 0);
        assert!(metrics.start_time_ms <= metrics.end_time_ms);
    }
    assert_eq!(reader.metrics().write_times.count(), 0, "a reader writes nothing");
    writer.reset_metrics();
    let reset = writer.metrics();
    assert_eq!((reset.msg_count_total, reset.msg_bytes_total, reset.msg_size_max), (0, 0, None));
    assert_eq!(reset.msg_compressed_bytes_total, 0);
    assert_eq!(reset.write_times.count(), 0);
}

#[test]
fn each_write_has_its_time_at_every_consistency() {
    let broker = Broker::start();
    for consistency in EVERY_CONSISTENCY {
        let writer = writer::<str>(&broker.plain_address(), "t").consistency(consistency).open().expect("a writer");
        let began = Instant::now();
        (0..20).for_each(|_| writer.write("hello").expect("write"));
        let (all, times) = (began.elapsed(), writer.metrics().write_times);
        assert_eq!(times.count(), 20, "{consistency}");
        assert!(times.sum() <= all, "{consistency}: one after the other, they took {:?} of {all:?}", times.sum());
        let (half, most) = (times.quantile(0.5).expect("a time"), times.quantile(1.0).expect("a time"));
        assert!(!times.sum().is_zero() && half <= most && most == times.max(), "{consistency}: {times:?}");
    }
}

#[test]
fn a_reader_may_ask_for_less_than_the_writer() {
    let broker = Broker::start();
    let address = broker.plain_address();
    for asked in EVERY_CONSISTENCY {
        for written in EVERY_CONSISTENCY {
            let topic = format!("mixed/{asked}/{written}");
            let reader = reader::<String>(&address, &topic).consistency(asked).open().expect("a reader");
            let writer = writer::<str>(&address, &topic).consistency(written).open().expect("a writer");
            writer.write("mixed").expect("write");
            assert_eq!(next(&reader).value(), "mixed");
        }
    }
}

/// Such a message clears a retained one.
#[test]
fn a_message_without_a_byte_is_called_empty() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let blocking = reader::<String>(&address, "t").open().expect("a reader");
    let alone = reader::<String>(&address, "t").parameter("user_data_only", true).open().expect("a reader");
    let clearing = writer::<str>(&address, "t").parameter("user_data_only", true).parameter("retain", true);
    clearing.open().expect("a writer").write("").expect("written");
    let empty = blocking.read().unwrap_err();
    assert!(matches!(&empty, Error::InvalidMessage(what) if what.contains("it is empty")), "{empty:?}");
    assert_eq!(next(&alone).value(), "");
}

#[test]
fn several_messages_at_a_time() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let text = |topic| writer::<str>(&address, topic).consistency(Consistency::AtLeastOnce);
    let values =
        |messages: Vec<Message<String>>| -> Vec<String> { messages.into_iter().map(Message::into_value).collect() };
    let blocking = reader::<String>(&address, "t").consistency(Consistency::AtLeastOnce).open().expect("a reader");
    let builder = reader::<String>(&address, "t").consistency(Consistency::AtLeastOnce);
    let asynchronous = block_on(builder.open_async()).expect("a reader");
    assert!(blocking.read_many(10, Duration::ZERO).expect("nothing").is_empty());
    let right = text("t").open().expect("a writer");
    let damaging = text("t").parameter("user_data_only", true).open().expect("a writer");
    for value in ["a", "b", "c", "damaged", "d", "e"] {
        if value == "damaged" { damaging.write(value) } else { right.write(value) }.expect("written");
    }
    common::eventually("all are here", || {
        (blocking.connection_info().inbox_messages, asynchronous.connection_info().inbox_messages) == (6, 6)
    });
    assert_eq!(values(blocking.read_many(2, PATIENCE).expect("messages")), ["a", "b"]);
    assert_eq!(values(blocking.read_many(100, PATIENCE).expect("messages")), ["c"]);
    assert!(matches!(blocking.read_many(100, PATIENCE), Err(Error::InvalidMessage(_))));
    assert_eq!(values(blocking.read_many(100, PATIENCE).expect("messages")), ["d", "e"]);
    block_on(async {
        assert_eq!(values(asynchronous.read_many(100, PATIENCE).await.expect("messages")), ["a", "b", "c"]);
        assert!(matches!(asynchronous.read().await, Err(Error::InvalidMessage(_))));
        assert_eq!(values(asynchronous.read_many(100, PATIENCE).await.expect("messages")), ["d", "e"]);
    });
}

/// The configured time is longer than a test may take.
#[test]
fn a_close_within_a_time_of_ones_own() {
    let broker = Broker::start();
    let proxy = common::proxy::Proxy::start(broker.plain);
    let builder = || {
        let builder = writer::<str>(&proxy.address(), "t").consistency(Consistency::AtLeastOnce);
        builder.parameter("close_timeout_ms", 3_600_000).parameter("write_timeout_ms", 3_600_000)
    };
    let idle = builder().open().expect("a writer");
    let writer = block_on(builder().open_async()).expect("a writer");
    proxy.stall(true);
    let sent = block_on(writer.send("x")).expect("accepted");
    let closed = block_on(writer.close_within(Duration::from_millis(50))).unwrap_err();
    assert!(closed.to_string().contains("1 messages could not be delivered"), "{closed}");
    assert!(block_on(sent).is_err());
    idle.close_within(Duration::ZERO).expect("nothing was on its way");
}

#[test]
fn an_event_says_of_which_client_it_is() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let (tell, told) = std::sync::mpsc::channel();
    let heard = tell.clone();
    let listener = move |of: &sinetstream::ClientName, event: &sinetstream::ConnectionEvent| {
        let _ = heard.send((of.clone(), event.to_string()));
    };
    let writer = writer::<str>(&address, "t").client_id("one").service("s").on_connection_event_of(listener).open();
    let writer = writer.expect("a writer");
    let (of, event) = told.recv_timeout(PATIENCE).expect("an event");
    assert_eq!((of.client_id.as_str(), of.service.as_deref(), of.role), ("one", Some("s"), "writer"));
    assert!(event.starts_with("connected"), "{event}");
    drop(writer);
    let listener = move |of: &sinetstream::ClientName, _: &sinetstream::ConnectionEvent| {
        let _ = tell.send((of.clone(), String::new()));
    };
    let reader = reader::<String>(&address, "t").on_connection_event_of(listener).open().expect("a reader");
    common::eventually("the reader's", || {
        told.recv_timeout(PATIENCE).is_ok_and(|(of, _)| of.role == "reader" && of.client_id == reader.client_id())
    });
}

#[test]
fn only_a_printed_message_shows_its_payload() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "t").open().expect("a reader");
    let writer = writer::<str>(&address, "t").open().expect("a writer");
    writer.write_at("secret words", 5).expect("write");
    let message = next(&reader);
    // Only a message that is printed shows its value.
    assert!(
        format!("{message:?}").contains("\"secret words\"") && format!("{message:?}").contains("timestamp_us: 5"),
        "{message:?}"
    );
    let debug = format!("{writer:?} {reader:?} {:?}", reader.config());
    assert!(!debug.contains("secret words"), "{debug}");
}

#[test]
fn many_clients_live_side_by_side_and_one_after_the_other() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "many/#").consistency(Consistency::AtLeastOnce).open().expect("a reader");
    let open = |n: usize| {
        writer::<str>(&address, &format!("many/{n}")).consistency(Consistency::AtLeastOnce).open().expect("a writer")
    };
    let together: Vec<_> = (0..50).map(open).collect();
    together.iter().enumerate().for_each(|(n, writer)| writer.write(&n.to_string()).expect("write"));
    for n in 50..100 {
        let writer = open(n);
        writer.write(&n.to_string()).expect("write");
        // The clients are closed and dropped by turns.
        if n % 2 == 0 {
            writer.close().expect("close");
        }
    }
    let mut values: Vec<usize> =
        next_values(&reader, 100).iter().map(|value| value.parse().expect("a number")).collect();
    values.sort_unstable();
    assert!(values.into_iter().eq(0..100));
    drop(together);
    // Dropped clients send DISCONNECT, so the broker does not see a lost connection.
    eventually("100 writers are gone", || broker.log().matches(" disconnected.").count() >= 100);
    assert_eq!(broker.log().matches("closed its connection").count(), 0, "{}", broker.log());
}

#[test]
fn keep_alive_holds_an_idle_connection() {
    let broker = Broker::start();
    let address = broker.plain_address();
    let reader = reader::<String>(&address, "t")
        .parameter("keepalive", 1)
        .receive_timeout(Duration::from_millis(3500))
        .open()
        .expect("a reader");
    let writer = writer::<str>(&address, "t").parameter("keepalive", 1).open().expect("a writer");
    // Mosquitto closes a silent connection after one and a half seconds.
    assert!(reader.read().expect("still connected").is_none());
    writer.write("still there").expect("write");
    assert_eq!(next(&reader).value(), "still there");
    assert!(broker.log().contains("Received PINGREQ"));
}

/// Each message is acknowledged when its own `read` has returned.
#[test]
fn a_message_that_another_thread_is_still_taking_is_not_acknowledged() {
    let (entered, inside) = std::sync::mpsc::channel();
    let (go_on, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let broker = Scripted::open(|peer| {
        peer.suback(1);
        for id in [1, 2] {
            let body = [
                b"\0\x01t\0".as_slice(),
                &[id],
                &[0xDF, 3, 0, 0, 0, 0, 0xC3, 1, 0x1F, 0x9C, 0x0C, 0x91],
                &[0xEB, 0x33, 0x66, 0x4F, 0, 2, id],
            ];
            peer.send(&raw::Packet::new(0x32, body.concat()).bytes());
        }
        // No acknowledgement comes before the ping of the test.
        peer.expect(raw::PINGREQ);
        assert_eq!(peer.expect(0x40).body, [0, 1]);
        assert_eq!(peer.expect(0x40).body, [0, 2]);
        peer.drain();
    });
    let reader = MessageReader::<u8>::builder_with(move |bytes| {
        if bytes[0] == 1 {
            entered.send(()).expect("the test waits");
            waits.lock().expect("one thread").recv().expect("the test goes on");
        }
        Ok(bytes[0])
    });
    let reader = reader
        .no_config(true)
        .service_type("mqtt")
        .topic("t")
        .parameter("brokers", broker.address())
        .consistency(Consistency::AtLeastOnce)
        .open()
        .expect("reader");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| reader.read().expect("read").expect("a message").into_value());
        inside.recv().expect("the first message is being taken");
        assert_eq!(reader.read().expect("read").expect("a message").into_value(), 2);
        // An acknowledgement of the second message would leave before the answer to this ping.
        assert!(reader.ping(Duration::from_millis(200)).is_err(), "the script answers no ping");
        go_on.send(()).expect("the first thread waits");
        assert_eq!(first.join().expect("thread"), 1);
    });
}
