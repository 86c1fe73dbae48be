//! The script: everything a test can make the authorization server do differently.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};

use crate::fault::Fault;

/// How the server behaves; the default is a well-behaved one that asks the user.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a misbehaviour of its own")]
pub struct AuthorizationScript {
    /// At which well-known places the metadata is.
    pub metadata_at: MetadataPlaces,
    /// Laid over the metadata document (RFC 7396): another issuer, `javascript:` endpoints, no S256.
    pub metadata: Value,
    /// Played instead of the metadata.
    pub metadata_fault: Option<Fault>,
    /// Played at the well-known places where the metadata is not; a 404 if none is given.
    pub metadata_miss: Option<Fault>,
    /// Whom it registers.
    pub registration_policy: RegistrationPolicy,
    /// Laid over the answer to a registration (RFC 7396): other redirect URIs, a past expiry.
    pub registration: Value,
    /// Played instead of the answer to a registration.
    pub registration_fault: Option<Fault>,
    /// The only way clients may authenticate at the token endpoint, whatever they were registered for.
    pub only_auth_method: Option<&'static str>,
    /// Whether a person is asked, or what is decided without one.
    pub consent: Consent,
    /// The `iss` of authorization responses (RFC 9207).
    pub iss: Iss,
    /// The only `resource` it takes (RFC 8707); any other is `invalid_target`.
    pub only_resource: Option<String>,
    /// Granted instead of what was asked for.
    pub granted_scopes: Option<Vec<String>>,
    /// Played once each, in order, instead of the next token answers; nothing is carried out.
    pub token_faults: VecDeque<Fault>,
    /// Played instead of every token answer; nothing is carried out.
    pub token_fault: Option<Fault>,
    /// How many of the next token requests are carried out but never answered.
    pub lost_answers: usize,
    /// How long a token answer takes.
    pub token_delay: Duration,
    /// Laid over a successful token answer (RFC 7396): `expires_in`, `token_type` and so on.
    pub token: Value,
    /// Whether token answers are form-encoded instead of JSON.
    pub form_encoded: bool,
    /// How long access tokens live, and `expires_in`.
    pub token_lifetime: Duration,
    /// What access tokens look like.
    pub access_tokens: AccessTokens,
    /// How refresh tokens are given out and taken back.
    pub refresh_tokens: RefreshTokens,
    /// Whether the old access token dies when its grant is refreshed.
    pub refresh_kills_access_token: bool,
    /// Whether an `id_token` with the user's name comes along.
    pub id_token: bool,
    /// The claims of the UserInfo endpoint, beside `sub`; none given: there is no such endpoint.
    pub userinfo: Option<Value>,
    /// Assertions that it takes for a token (RFC 7523 §2.1), and whom each is about.
    pub assertions: HashMap<String, String>,
    /// Id tokens that it exchanges for an ID-JAG (RFC 8693), and whom each is about.
    pub id_tokens: HashMap<String, String>,
    /// Whether it binds tokens to the key of a DPoP proof, and says so in its metadata.
    pub dpop: bool,
    /// The nonce that it wants in DPoP proofs.
    pub dpop_nonce: Option<String>,
    /// Played instead of the answer to a revocation.
    pub revocation_fault: Option<Fault>,
}

impl Default for AuthorizationScript {
    fn default() -> Self {
        Self {
            metadata_at: MetadataPlaces::Both,
            metadata: json!({}),
            metadata_fault: None,
            metadata_miss: None,
            registration_policy: RegistrationPolicy::Anyone,
            registration: json!({}),
            registration_fault: None,
            only_auth_method: None,
            consent: Consent::Ask,
            iss: Iss::Sent,
            only_resource: None,
            granted_scopes: None,
            token_faults: VecDeque::new(),
            token_fault: None,
            lost_answers: 0,
            token_delay: Duration::ZERO,
            token: json!({}),
            form_encoded: false,
            token_lifetime: Duration::from_secs(3600),
            access_tokens: AccessTokens::Opaque,
            refresh_tokens: RefreshTokens::Strict,
            refresh_kills_access_token: false,
            id_token: false,
            userinfo: None,
            assertions: HashMap::new(),
            id_tokens: HashMap::new(),
            dpop: false,
            dpop_nonce: None,
            revocation_fault: None,
        }
    }
}

/// Where the metadata is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataPlaces {
    /// At all well-known places.
    Both,
    /// Only where RFC 8414 puts it.
    OAuth,
    /// Only where OpenID Connect Discovery appends it to the issuer.
    OpenId,
    /// Nowhere.
    Nowhere,
}

/// Whom the registration endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Public and confidential clients, as they ask.
    Anyone,
    /// Only clients with a secret; it registers all as `client_secret_post`.
    ConfidentialOnly,
    /// Only clients that do not sign; the others get `invalid_client_metadata`.
    NobodyWhoSigns,
    /// Nobody: `invalid_client_metadata`.
    Nobody,
    /// There is no registration endpoint, and metadata does not name one.
    Absent,
}

/// How an authorization request is decided.
#[derive(Clone, Debug)]
pub enum Consent {
    /// A page with a form asks the person at the browser.
    Ask,
    /// Allowed at once, as this user.
    AllowAs(String),
    /// Answered at once with this error code.
    Refuse(String),
}

/// The `iss` parameter of authorization responses.
#[derive(Clone, Debug)]
pub enum Iss {
    /// Advertised, and sent as it should be.
    Sent,
    /// Advertised, but not sent.
    Missing,
    /// Advertised, and another value sent.
    Other(String),
    /// Neither advertised nor sent.
    Unsupported,
}

/// What access tokens look like.
#[derive(Clone, Debug)]
pub enum AccessTokens {
    /// Random strings.
    Opaque,
    /// JWTs (RFC 9068) with this audience, else the requested resource.
    Jwt(Option<String>),
}

/// What happens to refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokens {
    /// None are given out.
    Absent,
    /// Rotated; a used one that comes again revokes the whole family.
    Strict,
    /// Rotated; a used one goes on working.
    Grace,
    /// One for the life of the grant; a refresh answer carries none.
    Fixed,
}
