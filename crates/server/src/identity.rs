//! Who is behind a request: service keys, sessions, personal tokens and JWTs, remembered so that a warm call asks no
//! database. What a request shows is read in `credentials`, and judged here.

pub(crate) mod credentials;
mod fenced;
mod jwks;
pub(crate) mod jwt;
pub(crate) mod personal_tokens;
pub(crate) mod sessions;
pub(crate) mod token;

use keyway_model::{Caller, CallerKind, Clock, ServiceKeyId, UserId};
use keyway_storage::{BrowserSession, BrowserSessionKind, Change, Database, PersonalToken};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Code, Problem};
use credentials::Credential;
use fenced::Fenced;
use jwt::{Jwts, Verified};

/// How many credentials of each kind are remembered.
const REMEMBERED: usize = 10_000;

/// Judges credentials and remembers the verdicts until they end or are revoked.
pub(crate) struct Identities {
    database: Database,
    clock: Clock,
    jwts: Option<Jwts>,
    service_keys: Fenced<ServiceKeyId>,
    sessions: Fenced<BrowserSession>,
    personal_tokens: Fenced<PersonalToken>,
}

impl Identities {
    pub(crate) fn new(database: Database, clock: Clock, jwts: Option<Jwts>) -> Self {
        Self {
            database,
            clock,
            jwts,
            service_keys: Fenced::new(REMEMBERED),
            sessions: Fenced::new(REMEMBERED),
            personal_tokens: Fenced::new(REMEMBERED),
        }
    }

    /// The caller whom the credential proves. A service key needs the user it acts for.
    ///
    /// # Errors
    /// 401 where it proves nobody, 400 where `Keyway-User` does not fit the credential.
    pub(crate) async fn caller(
        &self,
        credential: &Credential,
        user: Option<UserId>,
    ) -> Result<Caller, Problem> {
        if user.is_some() && !matches!(credential, Credential::ServiceKey(_)) {
            return Err(Problem::user_header("Keyway-User is taken only with a service key"));
        }
        match credential {
            Credential::ServiceKey(key) => {
                let id = self.service_key(key).await?;
                let user = user.ok_or_else(|| {
                    Problem::user_header(
                        "a service key needs one Keyway-User header that names the user",
                    )
                })?;
                Ok(Caller { user, kind: CallerKind::ServiceKey(id), connectors: None })
            }
            Credential::SessionToken(token) => self.session_token(token).await.map(caller_of),
            Credential::PersonalToken(token) => {
                let PersonalToken { id, user_id, connectors, .. } =
                    self.personal_token(token).await?;
                let kind = CallerKind::PersonalToken(id);
                Ok(Caller { user: user_id, kind, connectors: Some(connectors) })
            }
            Credential::SessionCookie(value) => {
                self.session(value, BrowserSessionKind::Cookie).await.map(caller_of)
            }
            Credential::Jwt(token) => {
                let Verified { user, .. } = self.jwt(token).await?;
                Ok(Caller { user, kind: CallerKind::Jwt, connectors: None })
            }
        }
    }

    /// The service key, if it is known and not revoked.
    pub(crate) async fn service_key(&self, key: &SecretString) -> Result<ServiceKeyId, Problem> {
        let hash = token::hash(key);
        let load = async || self.database.service_key(&hash).await;
        let found = self.service_keys.get_or_load(hash, load).await?;
        found.ok_or_else(|| Problem::unauthenticated("the service key is unknown or revoked"))
    }

    /// The session behind a session token that has not ended.
    pub(crate) async fn session_token(
        &self,
        token: &SecretString,
    ) -> Result<BrowserSession, Problem> {
        self.session(token, BrowserSessionKind::Token).await
    }

    /// The personal token, if it is known, not revoked and has not ended.
    pub(crate) async fn personal_token(
        &self,
        token: &SecretString,
    ) -> Result<PersonalToken, Problem> {
        let hash = token::hash(token);
        let load = async || self.database.personal_token(&hash).await;
        let found = self.personal_tokens.get_or_load(hash, load).await?;
        let now = self.clock.now();
        found.filter(|token| token.expires_at.is_none_or(|end| now < end)).ok_or_else(|| {
            Problem::unauthenticated("the personal token is unknown, revoked or has ended")
        })
    }

    /// What the host application's JWT says.
    pub(crate) async fn jwt(&self, token: &SecretString) -> Result<Verified, Problem> {
        let jwts = self.jwts.as_ref();
        let jwts = jwts.ok_or_else(|| Problem::unauthenticated("the bearer token is not known"))?;
        Ok(jwts.verify(token.expose_secret()).await?)
    }

    /// Forgets what a change may have made wrong.
    pub(crate) fn forget(&self, change: &Change) {
        match change {
            Change::ServiceKeys => self.service_keys.forget_all(),
            Change::Sessions => self.sessions.forget_all(),
            Change::PersonalTokens => self.personal_tokens.forget_all(),
            Change::Everything => self.forget_all(),
            Change::Connector { .. }
            | Change::Contact { .. }
            | Change::Approvals { .. }
            | Change::SignIn { .. }
            | Change::ClientSession { .. } => {}
        }
    }

    /// Forgets everything that came from the database.
    pub(crate) fn forget_all(&self) {
        self.service_keys.forget_all();
        self.sessions.forget_all();
        self.personal_tokens.forget_all();
    }

    async fn session(
        &self,
        token: &SecretString,
        kind: BrowserSessionKind,
    ) -> Result<BrowserSession, Problem> {
        let hash = token::hash(token);
        let now = self.clock.now();
        let load = async || self.database.browser_session(&hash, now).await;
        let found = self.sessions.get_or_load(hash, load).await?;
        found
            .filter(|session| session.kind == kind && now < session.expires_at)
            .ok_or_else(|| Problem::unauthenticated("the session is unknown or has ended"))
    }
}

fn caller_of(session: BrowserSession) -> Caller {
    let BrowserSession { id, user_id, kind, proves_user, connectors, .. } = session;
    let kind = match kind {
        BrowserSessionKind::Token => CallerKind::SessionToken(id),
        BrowserSessionKind::Cookie => CallerKind::SessionCookie { id, proves_user },
    };
    Caller { user: user_id, kind, connectors }
}

impl From<jwt::Refused> for Problem {
    fn from(refused: jwt::Refused) -> Self {
        match refused {
            jwt::Refused::KeysUnreachable => {
                Self::new(Code::ProviderUnreachable, refused.to_string())
            }
            _ => Self::unauthenticated(refused.to_string()),
        }
    }
}
