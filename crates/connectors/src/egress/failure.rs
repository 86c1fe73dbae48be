//! What a failure of the HTTP library means: whether the policy refused, nothing was sent, or the request may have
//! arrived.

use std::error::Error;

use keyway_oauth::http::SendError;

use super::{resolver::AddressRefused, tls_faults};

/// What it means that there is no connection: nothing was sent.
pub(super) fn unreachable(error: &(dyn Error + 'static)) -> SendError {
    classify(error, SendError::Unreachable)
}

/// What a failure over a connection means: the request may have arrived.
pub(super) fn no_answer(error: &(dyn Error + 'static)) -> SendError {
    classify(error, SendError::NoAnswer)
}

/// Looks for what the policy refused, and for what TLS did not trust; anything else is told by `otherwise` with
/// the words of the innermost cause.
fn classify(
    error: &(dyn Error + 'static),
    otherwise: impl FnOnce(String) -> SendError,
) -> SendError {
    let mut source = Some(error);
    let mut innermost = String::new();
    while let Some(cause) = source {
        if cause.is::<AddressRefused>() {
            return SendError::Blocked(cause.to_string());
        }
        if let Some(words) = tls_faults::words(cause) {
            return SendError::Unreachable(words.to_owned());
        }
        innermost = cause.to_string();
        source = cause.source();
    }
    otherwise(innermost)
}
