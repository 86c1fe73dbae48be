//! Looking for a document at one place: the request, what counts as a miss, and the trace of it.

use ::http::{HeaderName, HeaderValue, Response};
use bytes::Bytes;

use super::{DiscoveryError, DiscoveryRequest, Fault, TraceStep, exceptions};
use crate::{
    answer, endpoint,
    http::{self, HttpClient, SendError},
    json::{Object, ObjectError},
    metadata::{AuthorizationServerMetadata, DocumentError},
};

const RESOURCE: &str = "protected_resource_metadata";
const SERVER: &str = "authorization_server_metadata";
const ASSUMED: &str = "legacy_endpoints";
const OTHER_JSON: &str = "other JSON than the metadata";

/// A place where a document may be.
pub(super) struct Place {
    step: &'static str,
    url: String,
    rule: &'static str,
    blame: Fault,
    /// The server said that the document is here, so that a miss is an error.
    advertised: bool,
    /// Asked for in the way of 2025-03-26.
    legacy: bool,
}

impl Place {
    pub(super) fn advertised_resource(url: &str) -> Self {
        let rule = "resource_metadata of the challenge (RFC 9728 §5.1)";
        Self { advertised: true, ..Self::resource(url.to_owned(), rule) }
    }

    pub(super) fn resource(url: String, rule: &'static str) -> Self {
        let blame = Fault::Server;
        Self { step: RESOURCE, url, rule, blame, advertised: false, legacy: false }
    }

    pub(super) fn server(url: String, rule: &'static str) -> Self {
        let blame = Fault::AuthorizationServer;
        Self { step: SERVER, url, rule, blame, advertised: false, legacy: false }
    }

    pub(super) fn legacy_server(url: String, rule: &'static str) -> Self {
        Self { legacy: true, ..Self::server(url, rule) }
    }

    fn shown(&self) -> String {
        endpoint::without_query(&self.url)
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let version = HeaderName::from_static("mcp-protocol-version");
        let asked = (version, HeaderValue::from_static("2025-03-26"));
        if self.legacy { vec![asked] } else { Vec::new() }
    }

    fn invalid(&self, reason: impl Into<String>) -> DiscoveryError {
        DiscoveryError::MetadataInvalid { url: self.shown(), reason: reason.into() }
    }

    /// A guess that was wrong; an error where it was no guess.
    fn miss<T>(&self, why: impl Into<String>) -> Result<Found<T>, DiscoveryError> {
        if self.advertised { Err(self.invalid(why)) } else { Ok(Found::Miss(why.into())) }
    }

    fn fault(&self, error: &DiscoveryError) -> Fault {
        match error {
            DiscoveryError::Send { source: SendError::Blocked(_), .. } => Fault::Policy,
            DiscoveryError::Send { .. } => Fault::Network,
            _ => self.blame,
        }
    }
}

/// What there is at a place.
enum Found<T> {
    Document(T),
    /// A document that only an exception lets pass, and what it deviates in.
    Excepted(T, String),
    Miss(String),
}

/// The search so far.
pub(super) struct Look<'a, H> {
    http: &'a H,
    request: &'a DiscoveryRequest<'a>,
    trace: Vec<TraceStep>,
}

impl<'a, H: HttpClient> Look<'a, H> {
    pub(super) fn new(http: &'a H, request: &'a DiscoveryRequest<'a>) -> Self {
        Self { http, request, trace: Vec::new() }
    }

    pub(super) fn into_trace(self) -> Vec<TraceStep> {
        self.trace
    }

    /// Looks for a document; `None` is a miss.
    pub(super) async fn at<T>(
        &mut self,
        place: &Place,
        read: impl Fn(&Object) -> Result<Option<T>, DocumentError>,
    ) -> Result<Option<T>, DiscoveryError> {
        let reading = |object: &Object| match read(object) {
            Ok(Some(document)) => Ok(Found::Document(document)),
            Ok(None) => place.miss(OTHER_JSON),
            Err(error) => Err(place.invalid(error.to_string())),
        };
        self.look(place, reading).await
    }

    /// Looks for the metadata of one of these issuers, with what the grant needs; `None` is a miss.
    pub(super) async fn at_server(
        &mut self,
        place: &Place,
        issuers: &[&str],
    ) -> Result<Option<AuthorizationServerMetadata>, DiscoveryError> {
        let request = self.request;
        self.look(place, |object| read_server(place, issuers, request, object)).await
    }

    /// Notes that the fixed endpoints of 2025-03-26 are taken for granted.
    pub(super) fn assume(&mut self, origin: &str) {
        self.trace.push(TraceStep {
            step: ASSUMED,
            url: origin.to_owned(),
            status: None,
            outcome: "assumed /authorize, /token and /register".to_owned(),
            rule: "no metadata anywhere: the fixed endpoints (MCP 2025-03-26)".to_owned(),
            fault: None,
        });
    }

    async fn look<T>(
        &mut self,
        place: &Place,
        read: impl Fn(&Object) -> Result<Found<T>, DiscoveryError>,
    ) -> Result<Option<T>, DiscoveryError> {
        let fetched = http::get(self.http, &place.url, &place.headers()).await;
        let status = fetched.result.as_ref().ok().map(|response| response.status().as_u16());
        for (url, status) in &fetched.redirects {
            self.push(place, url, Some(*status), "redirected".to_owned(), None);
        }
        let url = fetched.url;
        let found = document(place, fetched.result, read);
        let (outcome, fault) = match &found {
            Ok(Found::Document(_)) => ("found".to_owned(), None),
            Ok(Found::Excepted(_, how)) => (format!("found, by an exception: {how}"), None),
            Ok(Found::Miss(why)) => (format!("miss: {why}"), None),
            Err(error) => (format!("failed: {error}"), Some(place.fault(error))),
        };
        self.push(place, &url, status, outcome, fault);
        match found? {
            Found::Document(document) | Found::Excepted(document, _) => Ok(Some(document)),
            Found::Miss(_) => Ok(None),
        }
    }

    fn push(
        &mut self,
        place: &Place,
        url: &str,
        status: Option<u16>,
        outcome: String,
        fault: Option<Fault>,
    ) {
        let (url, rule) = (endpoint::without_query(url), place.rule.to_owned());
        self.trace.push(TraceStep { step: place.step, url, status, outcome, rule, fault });
    }
}

/// Reads an answer: a document, a miss, or a failure that ends the search.
fn document<T>(
    place: &Place,
    result: Result<Response<Bytes>, SendError>,
    read: impl Fn(&Object) -> Result<Found<T>, DiscoveryError>,
) -> Result<Found<T>, DiscoveryError> {
    if endpoint::parse(&place.url).is_none() {
        return place.miss("not a plain http or https address");
    }
    let response = match result {
        Ok(response) => response,
        Err(SendError::TooLarge(_)) => return place.miss("the answer is too large"),
        Err(source) => return Err(DiscoveryError::Send { url: place.shown(), source }),
    };
    let status = response.status().as_u16();
    if answer::is_transient(response.status()) {
        return Err(DiscoveryError::Unavailable { url: place.shown(), status });
    }
    if !response.status().is_success() {
        return place.miss(format!("status {status}"));
    }
    match Object::parse(response.body()) {
        Ok(object) => read(&object),
        Err(ObjectError::NotAnObject) => place.miss("not a JSON object"),
        Err(error @ ObjectError::Duplicate) => Err(place.invalid(error.to_string())),
    }
}

fn read_server(
    place: &Place,
    issuers: &[&str],
    request: &DiscoveryRequest<'_>,
    object: &Object,
) -> Result<Found<AuthorizationServerMetadata>, DiscoveryError> {
    let exceptions = request.exceptions;
    let expected = issuers.first().copied().unwrap_or_default();
    let mut deviations = Vec::new();
    let mut read = AuthorizationServerMetadata::read(object, issuers);
    if let Err(DocumentError::Issuer(_)) = read
        && let Some(found) = object.text("issuer")
        && exceptions::accepts_spelling(exceptions, issuers, found)
    {
        deviations.push(format!("its issuer is {found:?} instead of {expected:?}"));
        read = AuthorizationServerMetadata::read(object, &[found]);
    }
    let server = match read {
        Ok(Some(server)) => server,
        Ok(None) => return place.miss(OTHER_JSON),
        Err(DocumentError::Issuer(found)) => {
            let (url, expected) = (place.shown(), expected.to_owned());
            return Err(DiscoveryError::IssuerMismatch { url, expected, found });
        }
        Err(error @ DocumentError::Invalid(_)) => return Err(place.invalid(error.to_string())),
    };
    if !request.unattended && server.authorization_endpoint.is_none() {
        return Err(place.invalid("its authorization_endpoint is missing"));
    }
    if !request.unattended && !server.supports_pkce() {
        if !exceptions::allows_missing_s256(exceptions, issuers) {
            return Err(DiscoveryError::PkceUnsupported { issuer: server.issuer });
        }
        deviations.push("it does not announce PKCE with S256".to_owned());
    }
    if deviations.is_empty() {
        return Ok(Found::Document(server));
    }
    Ok(Found::Excepted(server, deviations.join("; ")))
}
