//! Every route on one page, and what every request passes before it comes to one.

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    assets,
    error::{Code, Problem},
    front, openapi,
    routes::{
        activity, approvals, catalog, connectors, mcp, oauth_pages, operations, personal_tokens,
        probe, sessions, sign_in, tools, users,
    },
    state::AppState,
};

/// The routes that the OpenAPI document describes.
pub(crate) fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .routes(routes!(connectors::list_connectors, connectors::create_connector))
        .routes(routes!(probe::probe_url))
        .routes(routes!(catalog::show_catalog))
        .routes(routes!(
            connectors::show_connector,
            connectors::change_connector,
            connectors::delete_connector
        ))
        .routes(routes!(tools::test_connector))
        .routes(routes!(probe::diagnose_connector))
        .routes(routes!(tools::list_connector_tools))
        .routes(routes!(tools::change_tool))
        .routes(routes!(approvals::list_approvals))
        .routes(routes!(approvals::decide_approval))
        .routes(routes!(sign_in::start_sign_in))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(sign_in::show_authorization_session))
        .routes(routes!(tools::list_tools))
        .routes(routes!(tools::call_tool))
        .routes(routes!(activity::list_activity))
        .routes(routes!(activity::stream_events))
        .routes(routes!(users::erase_user))
        .routes(routes!(sessions::open_session))
        .routes(routes!(sessions::exchange_for_cookie))
        .routes(routes!(mcp::aggregate))
        .routes(routes!(
            personal_tokens::list_personal_tokens,
            personal_tokens::create_personal_token
        ))
        .routes(routes!(personal_tokens::revoke_personal_token))
        .routes(routes!(mcp::proxy))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
}

/// The pages and documents that browsers and authorization servers open.
fn pages() -> Router<AppState> {
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{*path}", get(assets::asset))
        .route("/keyway-connectors.js", get(assets::widget))
        .route("/api/docs", get(oauth_pages::api_reader))
        .route(
            "/oauth/launch/{ticket}",
            get(oauth_pages::launch).post(oauth_pages::launch_with_proof),
        )
        .route("/oauth/callback", get(oauth_pages::callback))
        .route("/oauth/callback/{issuer_key}", get(oauth_pages::callback))
        .route("/oauth/done/{id}", get(oauth_pages::done))
        .route("/oauth/client-metadata.json", get(oauth_pages::client_metadata))
        .route("/oauth/jwks.json", get(oauth_pages::jwks))
}

/// The whole service.
pub(crate) fn service(app: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = openapi::with_distinct_operations(document);
    let served = get(openapi::serve).with_state(std::sync::Arc::new(document));
    Router::new()
        .merge(api)
        .merge(pages())
        .route("/api/openapi.json", served)
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "this address does not take this method")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), front::pass))
        // With its state in place a clone shares the routes; otherwise each connection would copy them all.
        .with_state(app)
}

/// What is served on the listener for Prometheus.
pub(crate) fn metrics(app: AppState) -> Router {
    Router::new().route("/metrics", get(operations::metrics)).with_state(app)
}
