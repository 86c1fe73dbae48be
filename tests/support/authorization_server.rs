//! A scripted OAuth 2.1 authorization server: it does everything right until a test tells it not to,
//! and writes down all it saw.

mod authorize;
mod books;
mod client_assertion;
mod metadata;
mod page;
mod registration;
mod revocation;
mod script;
mod token;
mod unattended;
mod userinfo;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    routing::{get, post},
};
use keyway_model::Clock;

use crate::{
    dpop::Judge,
    gate::Gate,
    log::{Log, recording},
    serving::{Bound, Serving},
};

pub use books::TokenInfo;
pub use script::{
    AccessTokens, AuthorizationScript, Consent, Iss, MetadataPlaces, RefreshTokens,
    RegistrationPolicy,
};

use books::Books;

/// A running (or mounted) authorization server. Clones are the same server.
#[derive(Clone)]
pub struct AuthorizationServer {
    shared: Arc<Shared>,
    _serving: Option<Arc<Serving>>,
}

/// What the handlers work on.
struct Shared {
    origin: String,
    issuer: String,
    clock: Clock,
    script: Mutex<AuthorizationScript>,
    books: Mutex<Books>,
    log: Log,
    judge: Judge,
    token_gate: Gate,
    answer_gate: Gate,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, AuthorizationScript> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuthorizationServer {
    /// Starts on a free loopback port; its tokens age by the system clock.
    pub async fn start() -> Self {
        Self::start_with_clock(Clock::system()).await
    }

    /// Starts on a free loopback port; its tokens age by `clock`.
    pub async fn start_with_clock(clock: Clock) -> Self {
        Self::start_at("", clock).await
    }

    /// Starts with an issuer that has a path, such as `/tenant`; `""` for none.
    pub async fn start_at(issuer_path: &str, clock: Clock) -> Self {
        let bound = Bound::free_port().await;
        let (server, router) = Self::mounted(&bound.origin(), issuer_path, clock);
        let serving = Arc::new(bound.serve(router));
        Self { _serving: Some(serving), ..server }
    }

    /// The server as a router to be served at `origin` by somebody else.
    pub fn mounted(origin: &str, issuer_path: &str, clock: Clock) -> (Self, Router) {
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            issuer: format!("{origin}{issuer_path}"),
            clock,
            script: Mutex::default(),
            books: Mutex::default(),
            log: Log::default(),
            judge: Judge::default(),
            token_gate: Gate::default(),
            answer_gate: Gate::default(),
        });
        let router = recording(shared.log.clone(), router(shared.clone()));
        (Self { shared, _serving: None }, router)
    }

    /// Changes the script; the next request sees it.
    pub fn script(&self, change: impl FnOnce(&mut AuthorizationScript)) {
        change(&mut self.shared.script());
    }

    /// What it saw.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The origin it is served at.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Where token requests stop before anything of them is carried out.
    pub fn token_gate(&self) -> &Gate {
        &self.shared.token_gate
    }

    /// Where token requests stop after they were carried out, before they are answered.
    pub fn answer_gate(&self) -> &Gate {
        &self.shared.answer_gate
    }

    /// Registers a client by hand, as an operator of the server would.
    pub fn register_client(&self, client_id: &str, secret: Option<&str>, redirect_uri: &str) {
        self.shared.books().register_by_hand(client_id, secret, redirect_uri);
    }

    /// Registers a client by hand that signs with the key of this PEM (ES256).
    pub fn register_signing_client(&self, client_id: &str, public_key: &str) {
        self.shared.books().register_key_by_hand(client_id, public_key);
    }

    /// Registers a client by hand that signs with a key of the set at this address.
    pub fn register_client_with_keys_at(&self, client_id: &str, keys: &str, redirect_uri: &str) {
        self.shared.books().register_key_set_by_hand(client_id, keys, redirect_uri);
    }

    /// What the server finds at the address of a key set.
    pub fn publish_keys(&self, address: &str, set: serde_json::Value) {
        self.shared.books().publish_keys(address, set);
    }

    /// Who and what an access token stands for; nothing if it is unknown, expired or revoked.
    pub fn token(&self, access_token: &str) -> Option<TokenInfo> {
        self.shared.books().token(access_token, self.shared.clock.now())
    }

    /// Makes every access token invalid at once; refresh tokens live on.
    pub fn kill_access_tokens(&self) {
        self.shared.books().kill_access_tokens();
    }

    /// Revokes every grant: refresh tokens answer `invalid_grant`.
    pub fn kill_grants(&self) {
        self.shared.books().kill_grants();
    }

    /// Forgets every client: they answer `invalid_client`.
    pub fn forget_clients(&self) {
        self.shared.books().forget_clients();
    }

    /// The newest access token it gave out.
    pub fn newest_access_token(&self) -> Option<String> {
        self.shared.books().newest_access_token()
    }

    /// Every secret that ever left it: tokens, codes, client secrets.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.books().secrets().to_vec()
    }
}

fn router(shared: Arc<Shared>) -> Router {
    // Well-known addresses are made without the closing slash of an issuer (RFC 8414 §3.1).
    let path = shared.issuer[shared.origin.len()..].trim_end_matches('/').to_owned();
    let mut router = Router::new()
        .route("/authorize", get(authorize::ask).post(authorize::decide))
        .route("/token", post(token::answer))
        .route("/register", post(registration::register))
        .route("/revoke", post(revocation::revoke))
        .route("/userinfo", get(userinfo::tell));
    let mut places = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{path}/.well-known/openid-configuration"));
    }
    for place in places {
        router = router.route(&place, get(metadata::document));
    }
    router.with_state(shared)
}
