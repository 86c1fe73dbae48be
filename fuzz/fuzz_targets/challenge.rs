//! `WWW-Authenticate` of any MCP server: read within bounds, and only valid scopes come out.

#![no_main]

use keyway_oauth::challenge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let challenges = challenge::parse(text.lines());
    assert!(challenges.len() <= 32);
    assert!(challenges.iter().all(|challenge| challenge.params.len() <= 32));
    let Some(bearer) = challenge::bearer(&challenges) else { return };
    for scope in &bearer.scope {
        assert!(!scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
    }
    for words in [&bearer.error, &bearer.error_description].into_iter().flatten() {
        assert!(!words.chars().any(char::is_control));
    }
});
