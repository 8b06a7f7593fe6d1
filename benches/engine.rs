//! Measures a message's way without a network: `cargo bench --features bench`.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sinetstream::bench::{Codec, Connected};

fn message(criterion: &mut Criterion) {
    for (name, compressed, encrypted) in [
        ("plain", false, false),
        ("zstd", true, false),
        ("AES-256-GCM", false, true),
        ("zstd and AES-256-GCM", true, true),
    ] {
        let codec = Codec::new(compressed, encrypted).expect("a codec");
        for size in [100, 1024, 65_536] {
            // The value is numbers as text, which are about as regular as measured values.
            let value: Vec<u8> = (0..)
                .flat_map(|n: u32| format!("{};", n.wrapping_mul(2_654_435_761) >> 16).into_bytes())
                .take(size)
                .collect();
            let wire = codec.encode(&value).expect("a message");
            assert_eq!(codec.decode(&wire), Ok(size));
            let mut group = criterion.benchmark_group(format!("{name}, {size} bytes"));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function("encode", |bencher| bencher.iter(|| codec.encode(black_box(&value))));
            group.bench_function("decode", |bencher| bencher.iter(|| codec.decode(black_box(&wire))));
            group.finish();
        }
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
