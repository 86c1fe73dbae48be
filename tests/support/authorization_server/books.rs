//! What the authorization server remembers: clients, codes, grants ("families") and their tokens.

use std::collections::{HashMap, HashSet};

use keyway_model::Timestamp;
use serde_json::Value;

use super::RefreshTokens;
use crate::random::random_text;

#[derive(Default)]
pub(super) struct Books {
    clients: HashMap<String, Client>,
    codes: HashMap<String, Code>,
    families: Vec<Family>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
    assertions_seen: HashSet<String>,
    key_sets: HashMap<String, Value>,
    bindings: HashMap<String, String>,
    secrets: Vec<String>,
    newest_access_token: Option<String>,
}

#[derive(Clone)]
pub(super) struct Client {
    pub(super) secret: Option<String>,
    pub(super) auth_method: String,
    pub(super) keys: ClientKeys,
    pub(super) redirect_uris: Vec<String>,
}

/// Where the public keys of a client are that signs.
#[derive(Clone)]
pub(super) enum ClientKeys {
    None,
    Pem(String),
    Set(Value),
    At(String),
}

/// An authorization code and what it was given for.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) family: Family,
}

/// A grant: all tokens that descend from one sign-in.
#[derive(Clone)]
pub(super) struct Family {
    pub(super) client_id: String,
    pub(super) user: String,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) revoked: bool,
}

struct AccessToken {
    family: usize,
    expires_at: Timestamp,
    dead: bool,
}

struct RefreshToken {
    family: usize,
    used: bool,
}

/// What a live access token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The name typed into the sign-in page.
    pub user: String,
    /// The client it was issued to.
    pub client_id: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The `resource` it was asked for.
    pub resource: Option<String>,
    /// The thumbprint of the key it is bound to (RFC 9449 §6).
    pub bound_to: Option<String>,
}

impl Books {
    /// A random string that begins with `kind`, remembered as a secret.
    pub(super) fn secret(&mut self, kind: &str) -> String {
        let secret = format!("{kind}-{}", random_text());
        self.secrets.push(secret.clone());
        secret
    }

    pub(super) fn register(&mut self, client: Client) -> String {
        let client_id = format!("client-{}", random_text());
        self.clients.insert(client_id.clone(), client);
        client_id
    }

    pub(super) fn register_by_hand(&mut self, id: &str, secret: Option<&str>, redirect_uri: &str) {
        let auth_method = if secret.is_some() { "client_secret_basic" } else { "none" };
        self.secrets.extend(secret.map(str::to_owned));
        let client = Client {
            secret: secret.map(str::to_owned),
            auth_method: auth_method.to_owned(),
            keys: ClientKeys::None,
            redirect_uris: vec![redirect_uri.to_owned()],
        };
        self.clients.insert(id.to_owned(), client);
    }

    pub(super) fn register_key_by_hand(&mut self, id: &str, public_key: &str) {
        let client = Client {
            secret: None,
            auth_method: "private_key_jwt".to_owned(),
            keys: ClientKeys::Pem(public_key.to_owned()),
            redirect_uris: Vec::new(),
        };
        self.clients.insert(id.to_owned(), client);
    }

    /// What is found at the address of a key set.
    pub(super) fn publish_keys(&mut self, address: &str, set: Value) {
        self.key_sets.insert(address.to_owned(), set);
    }

    /// What is found there now.
    pub(super) fn keys_at(&self, address: &str) -> Value {
        self.key_sets.get(address).cloned().unwrap_or_default()
    }

    pub(super) fn register_key_set_by_hand(&mut self, id: &str, address: &str, redirect_uri: &str) {
        let client = Client {
            secret: None,
            auth_method: "private_key_jwt".to_owned(),
            keys: ClientKeys::At(address.to_owned()),
            redirect_uris: vec![redirect_uri.to_owned()],
        };
        self.clients.insert(id.to_owned(), client);
    }

    /// Whether an assertion's id was never seen before.
    pub(super) fn is_first(&mut self, assertion_id: &str) -> bool {
        self.assertions_seen.insert(assertion_id.to_owned())
    }

    /// Binds an access token to the key of this thumbprint (RFC 9449 §6).
    pub(super) fn bind(&mut self, access_token: &str, thumbprint: String) {
        self.bindings.insert(access_token.to_owned(), thumbprint);
    }

    pub(super) fn client(&self, client_id: &str) -> Option<Client> {
        self.clients.get(client_id).cloned()
    }

    pub(super) fn save_code(&mut self, code: Code) -> String {
        let text = self.secret("code");
        self.codes.insert(text.clone(), code);
        text
    }

    /// Takes a code out; it works once.
    pub(super) fn take_code(&mut self, code: &str) -> Option<Code> {
        self.codes.remove(code)
    }

    pub(super) fn open_family(&mut self, family: Family) -> usize {
        self.families.push(family);
        self.families.len() - 1
    }

    pub(super) fn family(&self, family: usize) -> Family {
        self.families[family].clone()
    }

    pub(super) fn save_access_token(&mut self, family: usize, token: &str, expires_at: Timestamp) {
        self.secrets.push(token.to_owned());
        self.newest_access_token = Some(token.to_owned());
        let row = AccessToken { family, expires_at, dead: false };
        self.access_tokens.insert(token.to_owned(), row);
    }

    pub(super) fn issue_refresh_token(&mut self, family: usize) -> String {
        let token = self.secret("rt");
        self.refresh_tokens.insert(token.clone(), RefreshToken { family, used: false });
        token
    }

    /// The family of a refresh token that may be used now; using it again is judged by `policy`.
    pub(super) fn use_refresh_token(
        &mut self,
        token: &str,
        client_id: &str,
        policy: RefreshTokens,
    ) -> Option<usize> {
        let row = self.refresh_tokens.get_mut(token)?;
        let family = &mut self.families[row.family];
        if policy == RefreshTokens::Strict && row.used {
            family.revoked = true;
        }
        row.used = true;
        (!family.revoked && family.client_id == client_id).then_some(row.family)
    }

    pub(super) fn kill_access_tokens_of(&mut self, family: usize) {
        let tokens = self.access_tokens.values_mut();
        tokens.filter(|token| token.family == family).for_each(|token| token.dead = true);
    }

    pub(super) fn kill_access_tokens(&mut self) {
        self.access_tokens.values_mut().for_each(|token| token.dead = true);
    }

    pub(super) fn kill_grants(&mut self) {
        self.families.iter_mut().for_each(|family| family.revoked = true);
    }

    pub(super) fn forget_clients(&mut self) {
        self.clients.clear();
    }

    /// Revokes a token: a refresh token with its whole family, an access token alone.
    pub(super) fn revoke(&mut self, token: &str) {
        if let Some(row) = self.refresh_tokens.get(token) {
            self.families[row.family].revoked = true;
        } else if let Some(row) = self.access_tokens.get_mut(token) {
            row.dead = true;
        }
    }

    pub(super) fn token(&self, access_token: &str, now: Timestamp) -> Option<TokenInfo> {
        let row = self.access_tokens.get(access_token)?;
        let family = &self.families[row.family];
        let alive = !row.dead && !family.revoked && now < row.expires_at;
        alive.then(|| TokenInfo {
            user: family.user.clone(),
            client_id: family.client_id.clone(),
            scopes: family.scopes.clone(),
            resource: family.resource.clone(),
            bound_to: self.bindings.get(access_token).cloned(),
        })
    }

    pub(super) fn newest_access_token(&self) -> Option<String> {
        self.newest_access_token.clone()
    }

    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }
}
