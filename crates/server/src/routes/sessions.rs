//! Browser sessions: opened by the host, exchanged for a cookie by Keyway's own page.

use axum::{
    Json as JsonBody,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;

use crate::{
    documents::{
        problem,
        session::{NewSession, SessionCookie, SessionOpened},
    },
    error::{Code, Problem},
    extract::{
        browser,
        caller::Shown,
        json::{Json, OptionalJson},
    },
    identity::sessions,
    state::AppState,
};

/// Opens a session for one user, with a service key or the user's own JWT.
#[utoipa::path(
    post,
    path = "/api/v1/sessions",
    request_body = NewSession,
    responses(
        (status = CREATED, description = "The session's token, shown once", body = SessionOpened),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn open_session(
    State(app): State<AppState>,
    shown: Shown,
    Json(body): Json<NewSession>,
) -> Result<(StatusCode, JsonBody<SessionOpened>), Problem> {
    Ok((StatusCode::CREATED, JsonBody(sessions::open(&app, shown, body).await?)))
}

/// Exchanges a session token or JWT, sent as the bearer, for the browser's session cookie.
#[utoipa::path(
    post,
    path = "/api/v1/session-cookie",
    request_body = Option<SessionCookie>,
    responses(
        (status = NO_CONTENT, description = "The cookie is set, or none is needed"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn exchange_for_cookie(
    State(app): State<AppState>,
    shown: Shown,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<SessionCookie>,
) -> Result<Response, Problem> {
    let Shown::Credential(credential, _) = shown else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let handshake = body.handshake.unwrap_or_default();
    if handshake && !app.doors.is_from_own_page(&headers) {
        let detail = "only Keyway's own page can say that a token was handed over to it";
        return Err(Problem::new(Code::OriginRefused, detail));
    }
    let cookie = sessions::exchange(&app, &credential, handshake).await?;
    let (name, secure) = (app.session_cookie_name(), app.has_secure_cookies());
    let value = cookie.value.expose_secret();
    let set = browser::set_cookie(name, value, cookie.max_age_seconds, secure);
    let set = set.ok_or_else(|| Problem::internal("a session cookie is no header value"))?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set)]).into_response())
}
