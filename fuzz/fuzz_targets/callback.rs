//! The query of any callback: no code comes out of one that does not name the issuer that was asked.

#![no_main]

use keyway_oauth::authorization::{CallbackError, Expected, parse_callback, validate_callback};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    for iss_supported in [false, true] {
        let Ok(parameters) = parse_callback(query) else { return };
        let _ = parameters.state().map(str::len);
        let expected = Expected { issuer: "https://as.example", iss_supported };
        match validate_callback(parameters, &expected) {
            Ok(_) => assert!(!iss_supported || query.contains("as.example") || query.contains('%')),
            Err(CallbackError::ProviderError { code }) => assert!(code.len() <= 64),
            Err(_) => {}
        }
    }
});
