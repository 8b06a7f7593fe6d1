#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sinetstream::fuzz::outbox(data));
