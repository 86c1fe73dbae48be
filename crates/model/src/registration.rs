//! How Keyway is known to an authorization server.

use secrecy::SecretString;

use crate::{clock::Timestamp, text::text_enum};

text_enum! {
    /// How a client came to be registered.
    RegistrationKind {
        /// By hand: typed in by the user, or given by the operator's catalog.
        Preregistered = "preregistered",
        /// By a client ID metadata document: the client id is its URL.
        MetadataDocument = "metadata_document",
        /// Dynamically (RFC 7591).
        Dynamic = "dynamic",
    }
}

/// A client at one authorization server. A secret of it is never sent to another.
#[derive(Clone, Debug)]
pub struct ClientRegistration {
    /// How it came to be.
    pub kind: RegistrationKind,
    /// The issuer it is registered with, byte for byte.
    pub issuer: String,
    /// The redirect URI it is registered for.
    pub redirect_uri: String,
    /// The client identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// The client secret, if it has one; for a client that signs with a key of its own, that key.
    pub client_secret: Option<SecretString>,
    /// How it authenticates at the token endpoint (RFC 7591 §2), as the server returned it.
    pub token_endpoint_auth_method: String,
    /// When the secret ends (`client_secret_expires_at`); `None` if it does not.
    pub client_secret_expires_at: Option<Timestamp>,
}
