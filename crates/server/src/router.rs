//! Every route on one page, and what every request passes before it comes to one.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{MethodRouter, get},
};

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

/// Makes two things of one list: the router of these routes, and their description. The description is
/// made only where it is asked for, since it is large: a server that starts needs the router alone.
macro_rules! described {
    ($($path:expr => $($($method:ident)|+: $module:ident::$handler:ident),+;)+) => {
        /// The routes that the OpenAPI document describes.
        fn api() -> Router<AppState> {
            Router::new()
                $(.route($path, MethodRouter::new()$($(.$method($module::$handler))+)+))+
        }

        /// What the handlers of these routes say of themselves.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($module::$handler),+),+))]
        pub(crate) struct Described;

        /// Each of these routes with its methods.
        #[cfg(test)]
        pub(crate) const ROUTES: &[(&str, &[&str])] =
            &[$(($path, &[$($(stringify!($method)),+),+])),+];
    };
}

described! {
    "/api/v1/connectors" => get: connectors::list_connectors, post: connectors::create_connector;
    "/api/v1/connectors/probe" => post: probe::probe_url;
    "/api/v1/catalog" => get: catalog::show_catalog;
    "/api/v1/connectors/{id}" =>
        get: connectors::show_connector,
        patch: connectors::change_connector,
        delete: connectors::delete_connector;
    "/api/v1/connectors/{id}/test" => post: tools::test_connector;
    "/api/v1/connectors/{id}/diagnose" => post: probe::diagnose_connector;
    "/api/v1/connectors/{id}/tools" => get: tools::list_connector_tools;
    "/api/v1/connectors/{id}/tools/{tool}" => patch: tools::change_tool;
    "/api/v1/approvals" => get: approvals::list_approvals;
    "/api/v1/approvals/{approval_id}" => post: approvals::decide_approval;
    "/api/v1/connectors/{id}/oauth/start" => post: sign_in::start_sign_in;
    "/api/v1/connectors/{id}/oauth" => delete: sign_in::sign_out;
    "/api/v1/authorization-sessions/{id}" => get: sign_in::show_authorization_session;
    "/api/v1/tools" => get: tools::list_tools;
    "/api/v1/tools/call" => post: tools::call_tool;
    "/api/v1/activity" => get: activity::list_activity;
    "/api/v1/events" => get: activity::stream_events;
    "/api/v1/users/{user_id}" => delete: users::erase_user;
    "/api/v1/sessions" => post: sessions::open_session;
    "/api/v1/session-cookie" => post: sessions::exchange_for_cookie;
    mcp::ALL => get | post | delete: mcp::aggregate;
    "/api/v1/personal-tokens" =>
        get: personal_tokens::list_personal_tokens,
        post: personal_tokens::create_personal_token;
    "/api/v1/personal-tokens/{id}" => delete: personal_tokens::revoke_personal_token;
    mcp::PATH => get | post | delete: mcp::proxy;
    "/healthz" => get: operations::healthz;
    "/readyz" => get: operations::readyz;
}

/// The pages and documents that browsers and authorization servers open.
fn pages() -> Router<AppState> {
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{*path}", get(assets::asset))
        .route("/keyway-connectors.js", get(assets::widget))
        .route("/api/docs", get(oauth_pages::api_reader))
        .route("/api/openapi.json", get(openapi::serve))
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
    api()
        .merge(pages())
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
