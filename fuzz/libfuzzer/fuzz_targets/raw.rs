#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (txetcd_fuzz::target("raw").run)(data);
});
