//! What browsers are shown and sent during a sign-in, for each way it can go.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use keyway_connectors::{
    callback::Outcome,
    launch::{FlowCookie, Launch},
};
use keyway_model::{FailureCode, SessionStatus};
use serde_json::json;

use crate::{
    error::{Problem, insert_seconds},
    extract::browser,
    pages,
    state::AppState,
};

/// The answer of the launch address.
pub(super) fn launched(app: &AppState, ticket: &str, launch: Launch) -> Result<Response, Problem> {
    let random = &app.context.random;
    match launch {
        Launch::Redirect { location, set_cookie } => {
            with_cookie(see_other(&location), set_cookie.as_ref())
        }
        Launch::Confirm(page) => {
            let (server, authorization_server) =
                (&page.server_host, &page.authorization_server_host);
            let shown = pages::confirm(random, server, authorization_server, page.user.as_str());
            with_cookie(shown, page.set_cookie.as_ref())
        }
        Launch::Handshake => Ok(pages::hand_shake(random, ticket, app.doors.trusted_origins())),
        Launch::UserMismatch => Ok(refused(
            app,
            "This sign-in is for another account",
            "It was begun for somebody else. Go on in the window where you started, or sign in to your \
             chat application as the person who began it.",
        )),
        Launch::OtherBrowser => Ok(refused(
            app,
            "This sign-in was begun in another browser",
            "It can only be finished where it was begun. Go on in the window where you started.",
        )),
        Launch::Gone => Ok(pages::words(
            random,
            StatusCode::BAD_REQUEST,
            "This sign-in is over",
            "It was used already, or its ten minutes have passed. Press “Sign in” again in the window \
             where you started.",
        )),
    }
}

/// The page for a token that proves nobody.
pub(super) fn not_proven(app: &AppState) -> Response {
    refused(
        app,
        "Keyway could not tell who you are",
        "The session of the window you came from has ended. Reload it and press “Sign in” again.",
    )
}

/// The fixed page for a callback that belongs to no sign-in.
pub(super) fn invalid(app: &AppState) -> Response {
    pages::words(
        &app.context.random,
        StatusCode::BAD_REQUEST,
        "This answer belongs to no sign-in",
        "It may have been used already, or its time is over. Press “Sign in” again in the window where \
         you started.",
    )
}

/// The page for a peer that sends many callbacks that belong to no sign-in.
pub(super) fn too_many(app: &AppState, wait: Duration) -> Response {
    let mut page = pages::words(
        &app.context.random,
        StatusCode::TOO_MANY_REQUESTS,
        "Too many answers that belong to no sign-in",
        "They came from your network within a short time. Wait a minute, then press “Sign in” again in the \
         window where you started.",
    );
    insert_seconds(page.headers_mut(), header::RETRY_AFTER, wait);
    page
}

/// The page of an outcome.
pub(super) fn outcome(app: &AppState, outcome: &Outcome) -> Response {
    let random = &app.context.random;
    let (status, title, text) = in_words(outcome);
    if outcome.shown_before {
        let text = format!("{text} This page was shown before; you can close it.");
        return pages::words(random, status, title, &text);
    }
    let message = json!({
        "type": "keyway.sign_in",
        "authorization_session_id": outcome.session.to_string(),
        "connector_id": outcome.connector_id.to_string(),
        "status": outcome.status.shown(),
    });
    let page = pages::Outcome {
        status,
        title,
        text: &text,
        message: outcome.opener_origin.as_deref().map(|origin| (message, origin)),
        return_to: outcome.return_to.as_deref(),
    };
    pages::outcome(random, &page)
}

fn in_words(outcome: &Outcome) -> (StatusCode, &'static str, String) {
    let name = &outcome.connector_name;
    match outcome.status {
        SessionStatus::Finished => (
            StatusCode::OK,
            "You are signed in",
            format!("{name} is ready. You can close this window."),
        ),
        SessionStatus::Claimed => (
            StatusCode::ACCEPTED,
            "One moment more",
            format!("Keyway is finishing the sign-in to {name}. You can close this window."),
        ),
        SessionStatus::Failed | SessionStatus::Pending => {
            (StatusCode::BAD_REQUEST, "You are not signed in", failure(outcome.code, name))
        }
    }
}

fn failure(code: Option<FailureCode>, name: &str) -> String {
    let what = match code {
        Some(FailureCode::Denied) => "The access was not allowed.",
        Some(FailureCode::BrowserMismatch) => "The answer came from another browser.",
        Some(FailureCode::UserMismatch) => "The sign-in was begun for another account.",
        Some(FailureCode::IssMismatch) => "The answer came from another server than the one asked.",
        Some(FailureCode::Expired) => "The time for it ran out.",
        Some(FailureCode::RegistrationFailed) => "The server no longer knows Keyway.",
        Some(FailureCode::ExchangeFailed) | None => "The server did not give a usable token.",
    };
    format!("{what} To try again with {name}, press “Sign in” in the window where you started.")
}

/// Sends the browser on, so that it keeps neither this address nor tells it to the next one.
pub(super) fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Problem::internal("a redirect is no header value").into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn refused(app: &AppState, title: &'static str, text: &str) -> Response {
    pages::words(&app.context.random, StatusCode::FORBIDDEN, title, text)
}

fn with_cookie(mut response: Response, cookie: Option<&FlowCookie>) -> Result<Response, Problem> {
    let Some(cookie) = cookie else { return Ok(response) };
    let set = browser::set_cookie(&cookie.name, &cookie.value, cookie.max_age, cookie.secure);
    let set = set.ok_or_else(|| Problem::internal("a flow cookie is no header value"))?;
    response.headers_mut().append(header::SET_COOKIE, set);
    Ok(response)
}
