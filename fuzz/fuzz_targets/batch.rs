#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (btc_fuzz_targets::target("batch").check)(data);
});
