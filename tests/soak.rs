//! Tests that nothing grows when clients open, close and reconnect often. The resources of the process are counted.
//!
//! `SOAK_ROUNDS` sets how often (1,000 by default).

use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::eventually;
use crate::common::process::{alone, status};
use crate::common::proxy::Proxy;
use sinetstream::{Consistency, MessageWriterBuilder};

#[derive(Debug)]
struct Usage {
    descriptors: usize,
    threads: usize,
    resident_kib: usize,
}

fn usage() -> Usage {
    Usage {
        descriptors: std::fs::read_dir("/proc/self/fd").expect("fd").count(),
        threads: status("Threads:"),
        resident_kib: status("VmRSS:"),
    }
}

fn assert_flat(what: &str, before: &Usage) {
    // Threads and sockets end a moment after their owners.
    eventually(what, || {
        let now = usage();
        now.descriptors <= before.descriptors && now.threads <= before.threads
    });
    let now = usage();
    assert!(now.resident_kib < before.resident_kib + 20 * 1024, "{what}: {before:?} became {now:?}");
    println!("{what}: {before:?} became {now:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_grows() {
    if !alone(module_path!(), "nothing_grows") {
        return;
    }
    let rounds = std::env::var("SOAK_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1000);
    let broker = Broker::start();
    let proxy = Proxy::start(broker.login);
    let writer = |address: &str| -> MessageWriterBuilder<str> {
        common::writer(address, "t")
            .consistency(Consistency::AtLeastOnce)
            .parameter("username_pw", common::login("user01", "user01-pass"))
    };
    let open_and_close = |count: usize| {
        for round in 0..count {
            let writer = writer(&broker.login_address()).open().expect("writer");
            writer.write("x").expect("write");
            let reader = common::reader::<String>(&broker.plain_address(), "t").open().expect("reader");
            match round % 3 {
                0 => drop((writer, reader)),
                _ => {
                    writer.close().expect("close");
                    reader.close().expect("close");
                }
            }
            is_refused(common::writer(&broker.login_address(), "t"));
        }
    };
    // The first rounds warm up the allocator and the runtime.
    open_and_close(rounds / 10);
    eventually("the first clients are gone", || usage().threads < 8);
    let before = usage();
    open_and_close(rounds);
    assert_flat("opened and closed", &before);

    let quick = [("min_delay", 0.001), ("max_delay", 0.002)];
    let writer = writer(&proxy.address())
        .parameter("connect", [("connection_timeout", 10)])
        .parameter("reconnect_delay", quick)
        .open()
        .expect("writer");
    let come_back = |count: u64| {
        for _ in 0..count {
            let reconnects = writer.connection_info().reconnects;
            writer.write("x").expect("write");
            proxy.cut();
            eventually("the writer is back", || writer.connection_info().reconnects > reconnects);
        }
    };
    come_back(rounds as u64 / 10);
    std::thread::sleep(Duration::from_millis(100));
    let before = usage();
    come_back(rounds as u64);
    assert_flat("came back", &before);
}

fn is_refused(builder: MessageWriterBuilder<str>) {
    builder.open().expect_err("no user name");
}
