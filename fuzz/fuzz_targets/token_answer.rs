//! The answer of any token endpoint: a token that is taken can stand in a header.

#![no_main]

use bytes::Bytes;
use http::Response;
use keyway_oauth::token;
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first() else { return };
    let status = [200, 201, 400, 401, 429, 500][usize::from(*status) % 6];
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    match token::read_answer(&response, false) {
        Ok(answer) => {
            assert!(status < 300);
            let access = answer.access_token.expose_secret();
            assert!(!access.is_empty() && access.bytes().all(|byte| byte.is_ascii_graphic()));
            let refresh = answer.refresh_token.as_ref().map(ExposeSecret::expose_secret);
            assert!(refresh.is_none_or(|token| token != access && !token.is_empty()));
            assert!(answer.expires_in.is_none_or(|life| !life.is_zero()));
            let _ = token::jwt_claims(&answer.access_token);
        }
        Err(error) => {
            let _ = error.class();
            assert!(error.code().is_none_or(|code| code.len() <= 64 && code.is_ascii()));
        }
    }
});
