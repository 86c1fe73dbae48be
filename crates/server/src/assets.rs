//! The settings page and the widget, embedded in the binary.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{error::Problem, extract::origin::Doors, state::AppState};

/// Where the page learns which windows may hand a session over.
const HOST_ORIGINS: &str = r#"<meta name="keyway-host-origins" content=""#;
/// The script for hosts, whose name carries no hash because hosts link to it.
const WIDGET: &str = "keyway-connectors.js";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Built;

/// The settings page.
pub(crate) async fn page(State(app): State<AppState>) -> Result<Response, Problem> {
    let file = Built::get("index.html");
    let file = file.ok_or_else(|| Problem::not_found("this binary was built without the page"))?;
    let html = String::from_utf8_lossy(&file.data);
    let origins = app.doors.host_origins().join(" ");
    let html = html.replace(HOST_ORIGINS, &format!("{HOST_ORIGINS}{origins}"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy(&app.doors)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, html).into_response())
}

/// A file of the page, whose name carries a hash of its content.
pub(crate) async fn asset(
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = Built::get(&format!("assets/{path}"));
    let file = file.ok_or_else(|| Problem::not_found("there is no such file"))?;
    Ok(served(file, &headers, "public, max-age=31536000, immutable"))
}

/// The widget's script for hosts.
pub(crate) async fn widget(headers: HeaderMap) -> Result<Response, Problem> {
    let file = Built::get(WIDGET);
    let file =
        file.ok_or_else(|| Problem::not_found("this binary was built without the widget"))?;
    Ok(served(file, &headers, "public, max-age=0, must-revalidate"))
}

fn served(file: EmbeddedFile, request: &HeaderMap, caching: &'static str) -> Response {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|value| value == tag.as_str());
    let kind = file.metadata.mimetype().to_owned();
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The page's policy: its own files, its own API, and frames of host applications around it.
fn policy(doors: &Doors) -> Result<HeaderValue, Problem> {
    let hosts = doors.host_origins().join(" ");
    let text = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data: https:; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'self' {hosts}"
    );
    HeaderValue::try_from(text.trim_end()).map_err(Problem::internal)
}
