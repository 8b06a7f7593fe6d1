//! Tests that a slow reader stops reading from the socket instead of filling the heap.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common;
use crate::common::process::alone;
use crate::common::raw::{SUBSCRIBE, property, publish, publish_v5};
use crate::common::scripted::Scripted;
use crate::common::{connection_timeout, eventually, holds_within, next, told};
use sinetstream::Consistency;

const MESSAGE: usize = 64 * 1024;
const MESSAGES: usize = 16 * 1024;

/// Returns the memory that this process occupies, in bytes.
fn resident() -> usize {
    common::process::status("VmRSS:") * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_gibibyte_that_nobody_reads_stays_with_the_broker() {
    if !alone(module_path!(), "a_gibibyte_that_nobody_reads_stays_with_the_broker") {
        return;
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let broker = Scripted::open({
        let sent = sent.clone();
        move |peer| {
            peer.suback(0);
            // The packet has topic "t" and a message of format 3 with timestamp 0.
            let head: &[u8] = b"\0\x01t\xdf\x03\0\0\0\0\xc3\x01\x1f\x9c\x0c\x91\xeb\x33\x66\x4f\0\x80\x80\x08";
            let body = [head, &[7; MESSAGE]].concat();
            let packet = common::raw::Packet::new(0x30, body).bytes();
            for _ in 0..MESSAGES {
                peer.send(&packet);
                sent.fetch_add(1, Ordering::SeqCst);
            }
            peer.drain();
        }
    });
    let reader = common::reader::<Vec<u8>>(&broker.address(), "t").open().expect("reader");
    let before = resident();
    let mut last = 0;
    // The broker can't send any more when its count stays the same for a while.
    eventually("the flood stops", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = sent.load(Ordering::SeqCst);
        now > 0 && std::mem::replace(&mut last, now) == now
    });
    assert!(last < MESSAGES, "everything was taken in");
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{} MiB more", grown >> 20);
    for _ in 0..MESSAGES {
        assert_eq!(next(&reader).value().len(), MESSAGE);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{} MiB more after reading", grown >> 20);
}

/// The SUBACK may come behind messages, which the application can't take before the opening has succeeded.
#[test]
fn before_the_subscription_is_answered_there_is_a_bound_too() {
    if !alone(module_path!(), "before_the_subscription_is_answered_there_is_a_bound_too") {
        return;
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let broker = Scripted::open({
        let sent = sent.clone();
        move |peer| {
            peer.expect(SUBSCRIBE);
            let message = publish("t", &[0; MESSAGE], 0, false, 0).bytes();
            while peer.stream().write_all(&message).is_ok() {
                sent.fetch_add(message.len(), Ordering::SeqCst);
            }
        }
    });
    let opened = common::reader::<Vec<u8>>(&broker.address(), "t")
        .consistency(Consistency::AtMostOnce)
        .parameter("connect", connection_timeout(5.0))
        .open();
    told(opened, "Connection", &["SUBSCRIBE", "no answer within 5s, but", "messages of", "which nobody has read"]);
    drop(broker);
    // The bound is 64 MiB, plus the buffers of the sockets.
    assert!(sent.load(Ordering::SeqCst) < 100 << 20, "{sent:?}");
}

/// A full inbox from an earlier connection must not delay the next connection's SUBACK.
#[test]
fn with_a_full_inbox_the_subscription_is_made_again_all_the_same() {
    if !alone(module_path!(), "with_a_full_inbox_the_subscription_is_made_again_all_the_same") {
        return;
    }
    let connections = Arc::new(AtomicUsize::new(0));
    let broker = Scripted::open({
        let connections = connections.clone();
        move |peer| {
            peer.suback(0);
            if connections.fetch_add(1, Ordering::SeqCst) == 0 {
                peer.send(&publish("t", &vec![0; 70 << 20], 0, false, 0).bytes());
            } else {
                peer.drain();
            }
        }
    });
    let reader = common::reader::<Vec<u8>>(&broker.address(), "t")
        .consistency(Consistency::AtMostOnce)
        .parameter("user_data_only", true)
        .parameter("max_received_bytes", 60 << 20)
        // A connection that is not read is only known to be lost when a ping fails.
        .parameter("connect", [("connection_timeout", 3.0), ("keepalive", 5.0)])
        .parameter("reconnect_delay", common::quickly())
        .open()
        .expect("reader");
    eventually("it is back", || reader.connection_info().reconnects == 1 && reader.is_connected());
    let comes_again = || connections.load(Ordering::SeqCst) > 2;
    assert!(!holds_within(Duration::from_secs(4), comes_again), "the answer was not read in time");
    assert_eq!(next(&reader).value().len(), 70 << 20);
}

#[test]
#[cfg(target_os = "linux")]
fn a_topic_alias_keeps_its_topic_and_not_the_packet_it_came_with() {
    if !alone(module_path!(), "a_topic_alias_keeps_its_topic_and_not_the_packet_it_came_with") {
        return;
    }
    const LARGE: usize = 5_000_000;
    let broker = Scripted::open_v5(&[], |peer| {
        peer.suback_v5(0, &[]);
        for alias in 1..=60u16 {
            let property = property::two_bytes(property::TOPIC_ALIAS, alias);
            peer.send(&publish_v5(&format!("t/{alias}"), &vec![1; LARGE], 0, 0, &[property]).bytes());
        }
        peer.drain();
    });
    let reader = common::reader::<Vec<u8>>(&broker.address(), "t/#")
        .consistency(Consistency::AtMostOnce)
        .parameter("protocol", "MQTTv5")
        .parameter("user_data_only", true)
        .parameter("topic_alias_maximum", 100)
        .open()
        .expect("reader");
    let before = resident();
    for _ in 0..60 {
        assert_eq!(next(&reader).value().len(), LARGE);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 30 * LARGE, "{grown} bytes more");
}
