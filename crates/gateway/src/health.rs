//! Health follows the last real contact. It is written only where it changed, and off the call's path.

use keyway_connectors::{Context, access_token::Credential};
use keyway_model::{Health, HealthStatus};
use keyway_oauth::http::SendError;

/// The server answered.
pub(crate) fn note_answer(cx: &Context, credential: &Credential) {
    if credential.is_news(HealthStatus::Ok) {
        record(cx, credential, HealthStatus::Ok, None);
    }
}

/// The server did not answer.
pub(crate) fn note_failure(cx: &Context, credential: &Credential, error: &SendError) {
    let status = match error {
        SendError::Unreachable(_) => HealthStatus::Unreachable,
        SendError::NoAnswer(_) | SendError::TooLarge(_) => HealthStatus::UpstreamError,
        SendError::Blocked(_) => return,
    };
    note(cx, credential, status, &error.to_string());
}

/// The server did not answer, or not as it should.
pub(crate) fn note(cx: &Context, credential: &Credential, status: HealthStatus, detail: &str) {
    if credential.is_news(status) {
        record(cx, credential, status, Some(detail.to_owned()));
    }
}

fn record(cx: &Context, credential: &Credential, status: HealthStatus, detail: Option<String>) {
    let health = Health { status, checked_at: Some(cx.clock.now()), detail };
    let (user, id) = (credential.user_id.clone(), credential.connector.id);
    let task_cx = cx.clone();
    cx.tasks.spawn(async move {
        let written = task_cx.background.record_contact(&user, id, &health, None, None).await;
        if let Err(error) = written {
            tracing::warn!(%error, connector = %id, "the health of a connector was not written");
        }
    });
}
