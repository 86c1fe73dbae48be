//! What every request passes before it comes to its route, and every answer on the way back, in one
//! layer: the request's id, the doors, a handler's panic, the problem document, the headers of all answers.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;

use crate::{
    error::{Problem, write_problem},
    extract::origin,
    state::AppState,
    telemetry::RequestId,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Answers are for one caller, unless a handler says otherwise.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Middleware: lets the request in or refuses it, and finishes the answer. One line is logged, at `debug`.
pub(crate) async fn pass(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = RequestId::new(&app.context.random);
    let told = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| (request.method().clone(), request.extensions().get::<MatchedPath>().cloned()));
    let mut response = origin::guard(&app.doors, request, |request| answered(next, request)).await;
    write_problem(&mut response, id, &app.context.settings.public_url);
    finish(response.headers_mut(), id);
    if let Some((method, route)) = told {
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let status = response.status().as_u16();
        tracing::debug!(request_id = %id, %method, route, status, "answered");
    }
    response
}

async fn answered(next: Next, request: Request) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|_| Problem::internal("a handler panicked").into_response())
}

fn finish(headers: &mut HeaderMap, id: RequestId) {
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.insert(REQUEST_ID, id.to_header());
}
