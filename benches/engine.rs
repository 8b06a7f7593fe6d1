//! A message's way without a network: `cargo bench --features bench`.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sinetstream::bench::{Connected, decode, encode};

fn message(criterion: &mut Criterion) {
    for size in [100, 1024, 65_536] {
        let value = vec![7; size];
        let wire = encode(&value);
        assert_eq!(decode(&wire), size);
        let mut group = criterion.benchmark_group(format!("message of {size} bytes"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("encode", |bencher| bencher.iter(|| encode(black_box(&value))));
        group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&wire))));
        group.finish();
    }
}

fn session(criterion: &mut Criterion) {
    let payload = Bytes::from(vec![7; 100]);
    for count in [1, 100] {
        let mut session = Connected::default();
        assert!(session.publish_and_confirm(&payload, count) > 100 * count);
        let mut group = criterion.benchmark_group("session");
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("publish and confirm {count} at QoS 1"), |bencher| {
            bencher.iter(|| session.publish_and_confirm(black_box(&payload), count));
        });
        group.finish();
    }
}

criterion_group!(benches, message, session);
criterion_main!(benches);
