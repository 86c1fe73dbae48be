//! The addresses that browsers and authorization servers open during a sign-in.

use std::net::SocketAddr;

use axum::{
    Json as JsonBody,
    body::Body,
    extract::{ConnectInfo, Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use keyway_connectors::{
    callback::{self, Arrival},
    client_key_set, client_metadata_document,
    launch::{self, Request as LaunchRequest},
};
use keyway_model::UserId;
use serde_json::Value;

use crate::{
    error::{Code, Problem},
    extract::{browser, caller, json},
    identity::sessions,
    pages,
    routes::oauth_answers,
    state::AppState,
};

/// The launch address: goes on to the authorization server, or first asks who sits at the browser.
pub(crate) async fn launch(
    State(app): State<AppState>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let proof = caller::proven_user(&headers, &app).await?;
    let request = LaunchRequest {
        ticket: &ticket,
        proof: proof.as_ref(),
        cookie: &cookies(&headers),
        confirmed: false,
    };
    let launched = launch::open(&app.context, request).await?;
    oauth_answers::launched(&app, &ticket, launched)
}

/// What the launch address's own pages post: the opener's session token, or the press of the button.
pub(crate) async fn launch_with_proof(
    State(app): State<AppState>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let form = json::read(body, json::REST_LIMIT).await?;
    let proof = match posted_proof(&app, &headers, &form).await {
        Err(refused) if refused.code() == Code::Unauthenticated => {
            return Ok(oauth_answers::not_proven(&app));
        }
        proof => proof?,
    };
    let request = LaunchRequest {
        ticket: &ticket,
        proof: proof.as_ref(),
        cookie: &cookies(&headers),
        confirmed: form_field(&form, "confirm").is_some(),
    };
    let launched = launch::open(&app.context, request).await?;
    oauth_answers::launched(&app, &ticket, launched)
}

/// Where the authorization server sends the browser back to. Always goes on to a page without the code.
pub(crate) async fn callback(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    headers: HeaderMap,
    issuer_key: Option<Path<String>>,
    RawQuery(query): RawQuery,
) -> Response {
    if method == Method::HEAD || is_prefetch(&headers) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let query = query.unwrap_or_default();
    let issuer_key = issuer_key.map(|Path(key)| key);
    let cookies = cookies(&headers);
    let arrival = callback::receive(&app.context, &query, issuer_key.as_deref(), &cookies).await;
    let id = match arrival {
        Ok(Arrival::Done(id)) => id.to_string(),
        Ok(Arrival::Invalid) => match app.forgeries.count(peer.ip()) {
            Ok(()) => "invalid".to_owned(),
            Err(wait) => return oauth_answers::too_many(&app, wait),
        },
        Err(error) => {
            tracing::error!(%error, "a callback failed");
            "invalid".to_owned()
        }
    };
    oauth_answers::see_other(&format!("/oauth/done/{id}"))
}

/// The page of a sign-in's outcome, shown once.
pub(crate) async fn done(
    State(app): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Ok(id) = id.parse() else { return Ok(oauth_answers::invalid(&app)) };
    let outcome = callback::outcome(&app.context, id).await?;
    Ok(outcome.map_or_else(|| oauth_answers::invalid(&app), |it| oauth_answers::outcome(&app, &it)))
}

/// The client ID metadata document, where the public URL lets authorization servers fetch it.
pub(crate) async fn client_metadata(State(app): State<AppState>) -> Result<Response, Problem> {
    let document = client_metadata_document(&app.context);
    let document =
        document.ok_or_else(|| Problem::not_found("there is no metadata document here"))?;
    Ok(public_document(document))
}

/// The public keys with which servers verify what Keyway signs as a client.
pub(crate) async fn jwks(State(app): State<AppState>) -> Response {
    public_document(client_key_set(&app.context))
}

/// The page that shows the API's description.
pub(crate) async fn api_reader(State(app): State<AppState>) -> Response {
    pages::api_reader(&app.context.random)
}

/// Whom a post to the launch address proves: the user of the token that the opener handed over, else
/// the one of the browser's own cookie.
async fn posted_proof(
    app: &AppState,
    headers: &HeaderMap,
    form: &[u8],
) -> Result<Option<UserId>, Problem> {
    if !app.doors.is_from_own_page(headers) {
        let detail = "only Keyway's own pages post to this address";
        return Err(Problem::new(Code::OriginRefused, detail));
    }
    match form_field(form, "session_token") {
        Some(token) => sessions::handed_over(app, &token).await.map(Some),
        None => caller::proven_user(headers, app).await,
    }
}

fn public_document(document: Value) -> Response {
    let caching = HeaderValue::from_static("public, max-age=300");
    ([(header::CACHE_CONTROL, caching)], JsonBody(document)).into_response()
}

fn cookies(headers: &HeaderMap) -> impl Fn(&str) -> Option<String> + Sync {
    move |name| browser::cookie(headers, name).map(str::to_owned)
}

fn form_field(form: &[u8], name: &str) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(form);
    fields.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

/// Whether the browser fetches the address ahead of a click that may never come.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let purposes = [headers.get("sec-purpose"), headers.get("purpose")];
    purposes.into_iter().flatten().any(|value| {
        value.to_str().is_ok_and(|value| value.contains("prefetch") || value.contains("prerender"))
    })
}
