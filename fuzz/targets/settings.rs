//! An environment's settings of any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(settings) = Settings::parse("/sluice/shop/prod", bytes) {
        let _ = (settings.own_steps(), settings.step_approval_seconds());
    }
});
