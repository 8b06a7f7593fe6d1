#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sinetstream::fuzz::certificate(data));
