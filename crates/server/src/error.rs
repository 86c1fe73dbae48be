//! The one table from error to status and code, and the problem document (RFC 9457) that carries them.
//! Nothing else picks the status of a failure.

mod codes;
mod sources;

use std::{error::Error, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use keyway_connectors::context::PublicUrl;
use keyway_model::ConnectorRef;
use serde_json::{Map, Value, json};

pub use codes::Code;

use crate::telemetry::RequestId;

/// The media type of a problem document.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A failure as the outside sees it. It becomes a document where the request's id is known.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    connector: Option<Box<ConnectorRef>>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    cause: Option<String>,
}

impl Problem {
    /// A failure of this kind; `detail` says in words what to do and holds no secrets.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            connector: None,
            members: Map::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// What kind of failure it is.
    pub fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// `Keyway-User` does not fit.
    pub(crate) fn user_header(detail: impl Into<String>) -> Self {
        Self::new(Code::UserHeaderInvalid, detail)
    }

    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// The connector it is about.
    #[must_use]
    fn about(mut self, connector: ConnectorRef) -> Self {
        self.connector = Some(Box::new(connector));
        self
    }

    /// A further member of the document.
    #[must_use]
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What is logged, with everything behind it, and not shown.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(format!("{:#}", anyhow::Error::from_boxed(cause.into())));
        self
    }

    /// What happened and what to do, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The page of Keyway's own where a person can help, if one can.
    pub(crate) fn sign_in_url(&self, public_url: &PublicUrl) -> Option<String> {
        let connector = self.connector.as_ref().filter(|_| self.code.is_mended_by_a_person())?;
        Some(public_url.sign_in_url(connector.id))
    }

    fn document(&self, request_id: &str, public_url: &PublicUrl) -> Value {
        let mut document = json!({
            "type": "about:blank",
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "request_id": request_id,
        });
        let Value::Object(fields) = &mut document else { return document };
        if let Some(connector) = &self.connector {
            fields.insert("connector".to_owned(), connector.slug.as_str().into());
        }
        if let Some(url) = self.sign_in_url(public_url) {
            fields.insert("sign_in_url".to_owned(), url.into());
        }
        fields.extend(self.members.clone());
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the document of a [`Problem`] into its answer, and logs what is Keyway's own failure, once.
pub(crate) fn write_problem(response: &mut Response, id: RequestId, public_url: &PublicUrl) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    if problem.code.status().is_server_error() {
        let (code, cause) = (problem.code.as_str(), problem.cause.as_deref());
        tracing::error!(request_id = %id, code, cause, detail = problem.detail, "request failed");
    }
    let document = problem.document(&id.to_string(), public_url);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.remove(header::CONTENT_LENGTH);
    if problem.code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after) = problem.retry_after {
        insert_seconds(headers, header::RETRY_AFTER, after);
    }
    *response.body_mut() = document.to_string().into();
}

/// A duration in whole seconds, and never zero.
pub(crate) fn insert_seconds(
    headers: &mut axum::http::HeaderMap,
    name: HeaderName,
    duration: Duration,
) {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    headers.insert(name, HeaderValue::from(whole.max(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyway() -> PublicUrl {
        PublicUrl::new("https://keyway.example".parse().unwrap())
    }

    #[test]
    fn a_document_names_the_connector_and_where_a_person_can_help() {
        let id = "01930000-0000-7000-8000-000000000000".parse().unwrap();
        let notes = ConnectorRef { id, slug: "notes".parse().unwrap() };
        let problem = Problem::new(Code::SignInRequired, "sign in").about(notes.clone());
        let document = problem.document("r1", &keyway());
        assert_eq!(document["status"], 409);
        assert_eq!(document["code"], "sign_in_required");
        assert_eq!(document["request_id"], "r1");
        assert_eq!(document["connector"], "notes");
        assert_eq!(document["sign_in_url"], format!("https://keyway.example/#sign-in={id}"));
        let conflict = Problem::new(Code::Conflict, "taken").about(notes).document("r1", &keyway());
        assert_eq!(conflict.get("sign_in_url"), None);
    }

    #[test]
    fn what_is_only_for_the_log_is_not_shown() {
        let problem = Problem::new(Code::Internal, "failed").because("a secret place");
        assert!(!problem.document("r1", &keyway()).to_string().contains("secret"));
    }

    #[test]
    fn a_wait_is_written_in_whole_seconds_and_never_zero() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
            let mut headers = axum::http::HeaderMap::new();
            insert_seconds(&mut headers, header::RETRY_AFTER, Duration::from_millis(millis));
            assert_eq!(headers[header::RETRY_AFTER], seconds, "{millis}");
        }
    }
}
