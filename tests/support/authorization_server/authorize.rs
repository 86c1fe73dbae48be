//! The authorization endpoint (RFC 6749 §4.1.1, PKCE required): a page that asks, and the decision.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::{StatusCode, Uri, header::LOCATION};
use url::Url;

use super::{
    AuthorizationScript, Consent, Iss, Shared,
    books::{Code, Family},
    page,
};

type Parameters = HashMap<String, String>;

/// `GET /authorize`: shows the page, or decides without a person.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let request = parameters(query.as_bytes());
    if let Err(problem) = check_client(&shared, &request) {
        return (StatusCode::BAD_REQUEST, Html(page::problem(problem))).into_response();
    }
    if let Err(error) = check_request(&shared, &request) {
        return refuse(&shared, &request, error);
    }
    let consent = shared.script().consent.clone();
    match consent {
        Consent::Ask => Html(page::sign_in(query, &request)).into_response(),
        Consent::AllowAs(user) => allow(&shared, &request, user),
        Consent::Refuse(error) => refuse(&shared, &request, &error),
    }
}

/// `POST /authorize`: the form of the page comes back.
pub(super) async fn decide(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    let request = parameters(uri.query().unwrap_or_default().as_bytes());
    if let Err(problem) = check_client(&shared, &request) {
        return (StatusCode::BAD_REQUEST, Html(page::problem(problem))).into_response();
    }
    let mut form = parameters(&body);
    let user = form.remove("username").filter(|user| !user.is_empty());
    match (form.get("decision").map(String::as_str), user) {
        (Some("allow"), Some(user)) => allow(&shared, &request, user),
        (Some("allow"), None) => {
            Html(page::sign_in(uri.query().unwrap_or_default(), &request)).into_response()
        }
        _ => refuse(&shared, &request, "access_denied"),
    }
}

/// What must hold before the browser may be sent back at all.
fn check_client(shared: &Shared, request: &Parameters) -> Result<(), &'static str> {
    let client_id = request.get("client_id").ok_or("the request names no client")?;
    let redirect_uri = request.get("redirect_uri").ok_or("the request has no redirect URI")?;
    // A Client ID Metadata Document is believed unread: it is at an address the test made up.
    if client_id.starts_with("https://") {
        return Ok(());
    }
    let client = shared.books().client(client_id).ok_or("this client is not registered here")?;
    if client.redirect_uris.contains(redirect_uri) {
        return Ok(());
    }
    Err("this redirect URI is not registered for the client")
}

fn check_request(shared: &Shared, request: &Parameters) -> Result<(), &'static str> {
    let says = |name: &str, value: &str| request.get(name).is_some_and(|found| found == value);
    if !says("response_type", "code") {
        return Err("unsupported_response_type");
    }
    if !says("code_challenge_method", "S256") || !request.contains_key("code_challenge") {
        return Err("invalid_request");
    }
    match &shared.script().only_resource {
        Some(only) if !says("resource", only) => Err("invalid_target"),
        _ => Ok(()),
    }
}

fn allow(shared: &Shared, request: &Parameters, user: String) -> Response {
    let script = shared.script().clone();
    let field = |name: &str| request.get(name).cloned().unwrap_or_default();
    let asked = field("scope").split_whitespace().map(str::to_owned).collect();
    let code = Code {
        redirect_uri: field("redirect_uri"),
        challenge: field("code_challenge"),
        family: Family {
            client_id: field("client_id"),
            user,
            scopes: script.granted_scopes.clone().unwrap_or(asked),
            resource: request.get("resource").cloned(),
            revoked: false,
        },
    };
    let code = shared.books().save_code(code);
    send_back(shared, &script, request, ("code", &code))
}

fn refuse(shared: &Shared, request: &Parameters, error: &str) -> Response {
    let script = shared.script().clone();
    send_back(shared, &script, request, ("error", error))
}

fn send_back(
    shared: &Shared,
    script: &AuthorizationScript,
    request: &Parameters,
    outcome: (&str, &str),
) -> Response {
    let Some(Ok(mut back)) = request.get("redirect_uri").map(|uri| Url::parse(uri)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    back.query_pairs_mut().append_pair(outcome.0, outcome.1);
    if outcome.0 == "error" {
        back.query_pairs_mut().append_pair("error_description", "scripted <b>refusal</b>");
    }
    if let Some(state) = request.get("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    match &script.iss {
        Iss::Sent => drop(back.query_pairs_mut().append_pair("iss", &shared.issuer)),
        Iss::Other(issuer) => drop(back.query_pairs_mut().append_pair("iss", issuer)),
        Iss::Missing | Iss::Unsupported => {}
    }
    (StatusCode::SEE_OTHER, [(LOCATION, back.to_string())]).into_response()
}

fn parameters(text: &[u8]) -> Parameters {
    url::form_urlencoded::parse(text).into_owned().collect()
}
