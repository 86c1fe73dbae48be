//! How a client shows who it is: by its secret, or by an assertion that it signs with a key of its own
//! or with Keyway's.

use std::sync::{Arc, LazyLock};

use keyway_model::ClientRegistration;
use keyway_oauth::{
    assertion::{ClientAssertion, SigningKey},
    client_auth::{ClientAuthentication, PRIVATE_KEY_JWT},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::context::Context;

/// The keys that Keyway signs with as a client, one for each master key, the newest one first. They are made at
/// their first use, since many servers never sign.
#[derive(Clone)]
pub struct ClientKeys(Arc<LazyLock<Vec<SigningKey>, Making>>);

type Making = Box<dyn FnOnce() -> Vec<SigningKey> + Send>;

impl ClientKeys {
    /// The keys of these secret bytes, which are the same in every replica and after every start.
    pub fn from_secret_bytes<Keys>(keys: Keys) -> Self
    where
        Keys: IntoIterator<Item = [u8; 32]> + Send + 'static,
    {
        let make = || keys.into_iter().filter_map(SigningKey::from_secret_bytes).collect();
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }

    /// The key that signs. It is the oldest one: servers that keep or were handed an earlier key set, and
    /// replicas that do not have the newer keys yet, know it as long as it is there.
    fn signing(&self) -> Option<&SigningKey> {
        self.0.last()
    }

    /// All public keys (RFC 7517 §5).
    pub(super) fn published(&self) -> Value {
        json!({ "keys": self.0.iter().filter_map(SigningKey::published).collect::<Vec<_>>() })
    }
}

/// What a client authenticates with while one exchange lasts.
pub(crate) struct Authenticator<'a> {
    client: &'a ClientRegistration,
    key: Option<SigningKey>,
    now: i64,
    identifiers: Box<dyn Fn() -> [u8; 16] + Send + Sync + 'a>,
}

impl<'a> Authenticator<'a> {
    pub(crate) fn new(cx: &'a Context, client: &'a ClientRegistration) -> Self {
        let signs = client.token_endpoint_auth_method == PRIVATE_KEY_JWT;
        let key = match &client.client_secret {
            Some(own) => signs.then(|| read_key(own)).flatten(),
            None => cx.client_keys.signing().filter(|_| signs).cloned(),
        };
        let now = cx.clock.now().as_seconds();
        Self { client, key, now, identifiers: Box::new(|| cx.random.bytes()) }
    }

    /// A new assertion is signed each time this is sent (RFC 7523 §3).
    pub(crate) fn authentication(&self) -> ClientAuthentication<'_> {
        let assertion = |key| ClientAssertion {
            key,
            audience: &self.client.issuer,
            now: self.now,
            identifiers: &*self.identifiers,
        };
        ClientAuthentication {
            client_id: &self.client.client_id,
            client_secret: self.client.client_secret.as_ref(),
            method: &self.client.token_endpoint_auth_method,
            assertion: self.key.as_ref().map(assertion),
        }
    }
}

/// A client's own key as its registration keeps it: the algorithm, a blank and the PEM.
pub(super) fn with_algorithm(pem: &SecretString, algorithm: &str) -> SecretString {
    SecretString::from(format!("{algorithm} {}", pem.expose_secret()))
}

fn read_key(kept: &SecretString) -> Option<SigningKey> {
    let (algorithm, pem) = kept.expose_secret().split_once(' ')?;
    SigningKey::from_pem(&SecretString::from(pem), algorithm).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_names_every_key_and_signs_with_the_oldest() {
        let ids = |keys: &ClientKeys| -> Vec<Value> {
            let set = keys.published();
            set["keys"].as_array().into_iter().flatten().map(|key| key["kid"].clone()).collect()
        };
        let before = ClientKeys::from_secret_bytes([[1; 32]]);
        let rotated = ClientKeys::from_secret_bytes([[2; 32], [1; 32]]);
        assert_eq!(ids(&rotated).len(), 2);
        assert!(ids(&rotated).contains(&ids(&before)[0]));
        let signing = rotated.signing().and_then(SigningKey::published);
        assert_eq!(signing.map(|key| key["kid"].clone()), Some(ids(&before)[0].clone()));
    }
}
