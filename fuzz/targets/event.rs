//! An event, or a person's request, of any JSON.

#![no_main]

use intake::request::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = serde_json::from_slice(bytes) {
        let _ = Input::read(&event);
    }
});
