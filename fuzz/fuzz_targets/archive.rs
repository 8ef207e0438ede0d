#![no_main]

// The fuzzer's hook ends the process at a panic, also at one that is contained; one that is not ends it all the same.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| {
    (btc_fuzz_targets::target("archive").check)(data);
});
