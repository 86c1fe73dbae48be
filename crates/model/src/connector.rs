//! A connector: a user's row for one MCP server, with its state (does the credential work?) and its
//! health (does the server answer?), which are two things.

use std::{fmt, str::FromStr};

use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};
use thiserror::Error;

use crate::{clock::Timestamp, id::ConnectorId, policy::ToolModes, text::text_enum, user::UserId};

/// What a path names a connector by: its id or its slug. A slug is too short to be mistaken for an id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConnectorKey {
    /// By its identifier.
    Id(ConnectorId),
    /// By its short name.
    Slug(Slug),
}

impl FromStr for ConnectorKey {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Slug))
    }
}

text_enum! {
    /// How a connector's requests are authenticated.
    AuthType {
        /// With zero or more static headers; zero means an open server.
        Headers = "headers",
        /// With an OAuth 2.1 access token.
        OAuth = "oauth",
    }
}

text_enum! {
    /// Whether the connector's credential works, as far as is known.
    ConnectorState {
        /// It works.
        Ready = "ready",
        /// OAuth, and nobody has signed in, or the user signed out.
        SignInRequired = "sign_in_required",
        /// There was a credential, and it no longer works.
        ReauthRequired = "reauth_required",
        /// The server asked for scopes that the grant lacks.
        ScopeRequired = "scope_required",
    }
}

text_enum! {
    /// Why a connector is not `ready`.
    StateReason {
        /// The authorization server refused the refresh token.
        RefreshRejected = "refresh_rejected",
        /// The access token ended and there is no refresh token.
        RefreshTokenMissing = "refresh_token_missing",
        /// The server refused a fresh access token.
        TokenRejected = "token_rejected",
        /// The authorization server no longer takes the client.
        RegistrationRejected = "registration_rejected",
        /// The server refused the static headers.
        HeadersRejected = "headers_rejected",
        /// The server now names another authorization server.
        IssuerChanged = "issuer_changed",
        /// The URL was changed to one that the grant was not issued for.
        UrlChanged = "url_changed",
        /// The grant was revoked.
        Revoked = "revoked",
        /// The server asked for more scopes.
        InsufficientScope = "insufficient_scope",
        /// A stored secret does not open with the keys at hand.
        KeyUnavailable = "key_unavailable",
    }
}

text_enum! {
    /// How the last real contact with the server went.
    HealthStatus {
        /// No contact yet.
        Unknown = "unknown",
        /// It answered.
        Ok = "ok",
        /// It could not be reached.
        Unreachable = "unreachable",
        /// It answered with an error of its own.
        UpstreamError = "upstream_error",
    }
}

text_enum! {
    /// The OAuth grant by which tokens are obtained.
    GrantType {
        /// A person signs in (RFC 6749 §4.1).
        AuthorizationCode = "authorization_code",
        /// The client's own credentials (RFC 6749 §4.4).
        ClientCredentials = "client_credentials",
        /// Enterprise-managed authorization by an identity assertion (ID-JAG).
        EnterpriseManaged = "enterprise_managed",
        /// Workload identity by a JWT bearer assertion (RFC 7523 §2.1).
        WorkloadIdentity = "workload_identity",
    }
}

impl GrantType {
    /// Whether tokens are obtained without a person.
    pub fn is_unattended(self) -> bool {
        self != Self::AuthorizationCode
    }
}

text_enum! {
    /// A secret of a grant without a person, besides the client secret.
    GrantSecret {
        /// The client's private key, PEM (RFC 7523 §2.2).
        PrivateKey = "private_key",
        /// The workload's assertion (RFC 7523 §2.1).
        Assertion = "assertion",
        /// The person's id token of the enterprise's identity provider.
        IdpIdToken = "idp_id_token",
    }
}

/// The last real contact with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How it went.
    pub status: HealthStatus,
    /// When it was.
    pub checked_at: Option<Timestamp>,
    /// What happened, in words; holds no secrets.
    pub detail: Option<String>,
}

/// The non-secret OAuth settings that the user typed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthSettings {
    /// The grant by which tokens are obtained.
    pub grant: GrantType,
    /// A client registered by hand.
    pub client_id: Option<String>,
    /// How that client authenticates at the token endpoint (RFC 7591 §2).
    pub token_endpoint_auth_method: Option<String>,
    /// Scopes to ask for in place of those that the server names.
    pub scopes: Vec<String>,
    /// With which algorithm the client's private key signs (RFC 7518 §3.1).
    pub signing_algorithm: Option<String>,
    /// The enterprise's identity provider.
    pub idp: IdentityProvider,
}

/// An enterprise's identity provider, as far as it was typed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its issuer.
    pub issuer: Option<String>,
    /// Keyway's client there.
    pub client_id: Option<String>,
    /// Where id tokens are exchanged (RFC 8693).
    pub token_endpoint: Option<String>,
}

impl Default for OAuthSettings {
    fn default() -> Self {
        Self {
            grant: GrantType::AuthorizationCode,
            client_id: None,
            token_endpoint_auth_method: None,
            scopes: Vec::new(),
            signing_algorithm: None,
            idp: IdentityProvider::default(),
        }
    }
}

/// A user's row for one MCP server. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its identifier.
    pub id: ConnectorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The name shown.
    pub name: String,
    /// Its short name, unique among the user's connectors.
    pub slug: Slug,
    /// The MCP endpoint, byte for byte as the user gave it.
    pub url: String,
    /// How its requests are authenticated.
    pub auth_type: AuthType,
    /// The names of its static headers, in the user's order; the values are sealed.
    pub header_names: Vec<String>,
    /// The OAuth settings that the user typed in.
    pub oauth: OAuthSettings,
    /// The user's switch.
    pub enabled: bool,
    /// Whether the credential works.
    pub state: ConnectorState,
    /// Why it does not.
    pub state_reason: Option<StateReason>,
    /// The scopes the server asked for that the grant lacks, joined with those it has.
    pub required_scopes: Vec<String>,
    /// The last real contact.
    pub health: Health,
    /// The only protocol version to speak, if the user chose one.
    pub pinned_protocol_version: Option<String>,
    /// The version the last contact negotiated.
    pub protocol_version: Option<String>,
    /// How many tools the server had at the last contact.
    pub tool_count: Option<i64>,
    /// Whether tools that write are refused.
    pub read_only: bool,
    /// What may be called of its tools.
    pub tool_modes: ToolModes,
    /// Counts the changes of this row by a person or of its state; the entity tag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which connector something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorRef {
    /// Its identifier.
    pub id: ConnectorId,
    /// Its short name, which people and models are shown.
    pub slug: Slug,
}

impl Connector {
    /// Whether any of its tools may not simply be called.
    pub fn has_tool_policy(&self) -> bool {
        self.read_only || self.tool_modes.restrict()
    }

    /// A reference to this connector.
    pub fn reference(&self) -> ConnectorRef {
        ConnectorRef { id: self.id, slug: self.slug.clone() }
    }
}

/// A connector's short name: `[a-z0-9-]{1,24}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(SmolStr);

/// Why a text is not a slug.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a slug is 1 to 24 characters of a-z, 0-9 and -")]
pub struct InvalidSlug;

impl Slug {
    /// The longest slug, in bytes.
    pub const MAX_LENGTH: usize = 24;

    /// The slug that a shown name suggests: lower-case letters and digits, everything else a dash.
    /// Falls back to `connector` where nothing is left.
    pub fn suggested_by(name: &str) -> Self {
        let mut slug = String::new();
        for c in name.chars() {
            match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9') => slug.push(c),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
            if slug.len() == Self::MAX_LENGTH {
                break;
            }
        }
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { "connector" } else { slug }.into())
    }

    /// This slug with a number behind it, for where the plain one is taken.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let suffix = format!("-{number}");
        let keep = self.0.len().min(Self::MAX_LENGTH - suffix.len());
        Self(format_smolstr!("{}{suffix}", self.0[..keep].trim_end_matches('-')))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.is_empty() || text.len() > Self::MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(InvalidSlug);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suggest_slugs() {
        for (name, slug) in [
            ("Notes", "notes"),
            ("  My  Notes (work) ", "my-notes-work"),
            ("日本語", "connector"),
            ("A very long name that does not fit at all", "a-very-long-name-that-do"),
        ] {
            let suggested = Slug::suggested_by(name);
            assert_eq!(suggested.as_str(), slug);
            assert_eq!(suggested.as_str().parse(), Ok(suggested.clone()));
        }
    }

    #[test]
    fn a_number_fits_behind_the_longest_slug() {
        let slug: Slug = "abcdefghijklmnopqrstuvwx".parse().unwrap();
        assert_eq!(slug.numbered(12).as_str(), "abcdefghijklmnopqrstu-12");
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for text in ["", "A", "a_b", "a b", "ä", "abcdefghijklmnopqrstuvwxy"] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug), "{text:?}");
        }
    }

    #[test]
    fn every_text_leads_back_to_its_value() {
        for reason in StateReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert!("nothing".parse::<AuthType>().is_err());
    }
}
