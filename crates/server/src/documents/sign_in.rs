//! The beginning of a sign-in, and how far it has come.

use keyway_connectors::sign_in::{SessionReport, Started};
use keyway_model::{FailureCode, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;

/// How a sign-in begins; everything is optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSignIn {
    /// Where the browser goes on afterwards, where no popup is used; its origin must be allowed.
    #[serde(default)]
    pub(crate) return_to: Option<String>,
    /// The origin of the page that is told the outcome; the request's own where it is absent.
    #[serde(default)]
    pub(crate) origin: Option<String>,
    /// Whether to sign in although the connector is ready.
    #[serde(default)]
    #[schema(nullable = false)]
    pub(crate) force: Option<bool>,
}

/// A sign-in that was begun, or `already_authorized` alone where nobody needs to sign in.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct SignInStarted {
    /// What the browser opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    authorize_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    authorization_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    already_authorized: Option<bool>,
}

impl From<Started> for SignInStarted {
    fn from(started: Started) -> Self {
        match started {
            Started::Authorize { authorize_url, authorization_session_id, expires_at } => Self {
                authorize_url: Some(authorize_url),
                authorization_session_id: Some(authorization_session_id.to_string()),
                expires_at: Some(expires_at),
                already_authorized: None,
            },
            Started::AlreadyAuthorized => {
                Self { already_authorized: Some(true), ..Self::default() }
            }
        }
    }
}

/// How far a sign-in has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthorizationSession {
    status: SessionStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::failure_code)]
    code: Option<FailureCode>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

/// How far it has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionStatus {
    /// Nothing came back yet.
    Pending,
    /// Somebody is signed in.
    Finished,
    /// It ended without a sign-in.
    Failed,
    /// Its time ran out.
    Expired,
}

impl From<SessionReport> for AuthorizationSession {
    fn from(report: SessionReport) -> Self {
        let status = match report.status {
            "finished" => SessionStatus::Finished,
            "failed" => SessionStatus::Failed,
            "expired" => SessionStatus::Expired,
            _ => SessionStatus::Pending,
        };
        Self { status, code: report.code, detail: report.detail }
    }
}

/// What a sign-out takes along.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignOutQuery {
    /// Whether the client registration is forgotten as well.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) forget_registration: bool,
}
