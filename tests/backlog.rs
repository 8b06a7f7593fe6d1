//! A slow reader stops the socket, not the heap.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::scripted::Scripted;
use common::{eventually, next};

const MESSAGE: usize = 64 * 1024;
const MESSAGES: usize = 16 * 1024;

/// The memory that this process occupies, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_gibibyte_that_nobody_reads_stays_with_the_broker() {
    let sent = Arc::new(AtomicUsize::new(0));
    let broker = Scripted::open({
        let sent = sent.clone();
        move |peer| {
            peer.suback(0);
            // Topic "t", then a message of format 3 with timestamp 0.
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
    // Until the broker can't send any more: the same count for a while.
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
