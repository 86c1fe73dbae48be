//! The `state` of any callback: only what was signed is taken, in exactly the text that was signed.

#![no_main]

use keyway_oauth::state::{StateKey, StatePayload, sign, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let key = StateKey { id: "k".to_owned(), key: [7; 32] };
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(verify(std::slice::from_ref(&key), text, 0).is_err());
    }
    let Some((payload, change)) = data.split_at_checked(24) else { return };
    let session = payload[..16].try_into().expect("sixteen bytes");
    let end = i64::from_be_bytes(payload[16..].try_into().expect("eight bytes"));
    let payload = StatePayload { session, expires_at_seconds: end };
    let signed = sign(&key, &payload);
    assert_eq!(verify(std::slice::from_ref(&key), &signed, 0).is_ok(), end > 0);
    let mut changed = signed.clone().into_bytes();
    for (byte, change) in changed.iter_mut().zip(change) {
        *byte ^= *change;
    }
    if let Ok(text) = String::from_utf8(changed)
        && text != signed
    {
        assert!(verify(&[key], &text, 0).is_err());
    }
});
