//! Sends one PUBLISH of QoS 1 after the other on one thread, each after the PUBACK of the one before: the least time that a
//! blocking write can take.

use std::io::Write;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::latencies::Latencies;
use bench_tools::measured::Measured;
use bench_tools::meter::Meter;
use bench_tools::options::Options;
use bench_tools::row::Row;

use crate::mqtt::batch::Batch;
use crate::mqtt::login::{self, Link};
use crate::mqtt::message;
use crate::mqtt::packet;

pub fn measure(options: &Options, row: &Row) -> Outcome<Measured> {
    let mut link = login::log_in(options.get("broker")?, "raw")?;
    let mut batch = Batch::new(&row.write_topic(), row.qos, &message::value(row.size));
    ping_pong(&mut link, &mut batch, options.seconds("warm")?)?;
    let meter = Meter::start();
    let (messages, latencies) = ping_pong(&mut link, &mut batch, options.seconds("seconds")?)?;
    let measured = Measured { messages, elapsed: meter.elapsed(), cpu: meter.cpu(), latencies, ..Measured::default() };
    link.log_out()?;
    Ok(measured)
}

fn ping_pong(link: &mut Link, batch: &mut Batch, time: Duration) -> Outcome<(u64, Latencies)> {
    let mut latencies = Latencies::default();
    let mut messages = 0;
    let end = Instant::now() + time;
    let mut before = Instant::now();
    while before < end {
        link.outgoing.write_all(batch.take(1, messages))?;
        while link.incoming.wait()?.kind != packet::PUBACK {}
        let after = Instant::now();
        latencies.add(after - before);
        messages += 1;
        before = after;
    }
    Ok((messages, latencies))
}
