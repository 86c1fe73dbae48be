//! The measure: a pass-through on the HTTP stack that Keyway has, with the same settings, which knows no
//! callers, no connectors and no tokens. What Keyway costs more than this is its own.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use http::HeaderName;

/// What belongs to one hop and is not handed on.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
];

#[derive(Clone)]
struct Floor {
    client: reqwest::Client,
    origin: String,
}

/// Hands every request on to `upstream`.
///
/// # Errors
/// Where no HTTP client can be made.
pub(crate) fn router(upstream: SocketAddr) -> anyhow::Result<Router> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the floor is measured without the egress policy"
    )]
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(64)
        .build()?;
    let floor = Floor { client, origin: format!("http://{upstream}") };
    Ok(Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(floor))
}

async fn pass(
    State(floor): State<Floor>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    let url = format!("{}{uri}", floor.origin);
    let sent = floor.client.request(method, url).headers(headers).body(body).send().await;
    let answer = http::Response::<reqwest::Body>::from(sent.map_err(|_| StatusCode::BAD_GATEWAY)?);
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::CONNECTION);
    parts.headers.remove(header::TRANSFER_ENCODING);
    Ok(Response::from_parts(parts, Body::new(body)))
}
