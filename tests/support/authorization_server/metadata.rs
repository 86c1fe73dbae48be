//! The metadata document (RFC 8414, OpenID Connect Discovery).

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::Uri;
use serde_json::{Value, json};

use super::{AuthorizationScript, Iss, MetadataPlaces, RefreshTokens, RegistrationPolicy, Shared};
use crate::{fault::Fault, merge::merge, serving::Connection};

pub(super) async fn document(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    uri: Uri,
) -> Response {
    let script = shared.script().clone();
    if !is_there(script.metadata_at, uri.path()) {
        let miss = script.metadata_miss.unwrap_or(Fault::Status(404));
        return miss.play(&connection).await;
    }
    if let Some(fault) = &script.metadata_fault {
        return fault.play(&connection).await;
    }
    let mut document = proper(&shared.origin, &shared.issuer, &script);
    merge(&mut document, &script.metadata);
    Json(document).into_response()
}

fn is_there(places: MetadataPlaces, path: &str) -> bool {
    match places {
        MetadataPlaces::Both => true,
        MetadataPlaces::OAuth => path.starts_with("/.well-known/oauth-authorization-server"),
        MetadataPlaces::OpenId => path.ends_with("/.well-known/openid-configuration"),
        MetadataPlaces::Nowhere => false,
    }
}

fn proper(origin: &str, issuer: &str, script: &AuthorizationScript) -> Value {
    let methods = match script.registration_policy {
        RegistrationPolicy::ConfidentialOnly => json!(["client_secret_post"]),
        _ => json!(["none", "client_secret_basic", "client_secret_post"]),
    };
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "revocation_endpoint": format!("{origin}/revoke"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
    });
    if script.registration_policy != RegistrationPolicy::Absent {
        document["registration_endpoint"] = json!(format!("{origin}/register"));
    }
    if script.refresh_tokens != RefreshTokens::Absent {
        document["scopes_supported"] = json!(["notes:read", "notes:write", "offline_access"]);
    }
    if script.dpop {
        document["dpop_signing_alg_values_supported"] = json!(["RS256", "ES256"]);
    }
    if script.userinfo.is_some() {
        document["userinfo_endpoint"] = json!(format!("{origin}/userinfo"));
    }
    if !matches!(script.iss, Iss::Unsupported) {
        document["authorization_response_iss_parameter_supported"] = json!(true);
    }
    document
}
