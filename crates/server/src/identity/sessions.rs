//! Browser sessions: a host mints a token for one user, and Keyway's own page exchanges it once for a
//! cookie. Whether the cookie proves who sits at the browser depends on how the token came there.

use std::time::Duration;

use keyway_connectors::registry;
use keyway_model::{
    BrowserSessionId, Caller, CallerKind, ConnectorId, ConnectorKey, Timestamp, UserId,
};
use keyway_storage::{BrowserSession, BrowserSessionKind};
use secrecy::{ExposeSecret, SecretString};

use super::{credentials::Credential, token};
use crate::{
    documents::session::{NewSession, SessionOpened},
    error::Problem,
    extract::caller::Shown,
    state::AppState,
};

const DEFAULT_LIFE: Duration = Duration::from_secs(60 * 60);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_LABEL: usize = 200;

/// A cookie that was made, with what the browser must be told of it.
pub(crate) struct Cookie {
    /// Its value.
    pub(crate) value: SecretString,
    /// Its life in seconds.
    pub(crate) max_age_seconds: u64,
}

/// Opens a session for the user whom a service key names, or for the one whom a JWT proves.
///
/// # Errors
/// 401 for any other credential, 400 where the user, the life or a connector is not acceptable.
pub(crate) async fn open(
    app: &AppState,
    shown: Shown,
    wanted: NewSession,
) -> Result<SessionOpened, Problem> {
    let user = opening_user(app, shown, wanted.user_id.as_deref()).await?;
    let connectors = match wanted.connectors {
        Some(names) => Some(connector_ids(app, &all_of(&user), names).await?),
        None => None,
    };
    let label = wanted.label.filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.len() > LONGEST_LABEL) {
        return Err(Problem::invalid(format!("label may have at most {LONGEST_LABEL} bytes")));
    }
    let life = life(wanted.expires_in)?;
    let now = app.context.clock.now();
    let session = BrowserSession {
        id: BrowserSessionId::new(now, &app.context.random),
        user_id: user,
        kind: BrowserSessionKind::Token,
        label,
        proves_user: false,
        connectors,
        exchanged_at: None,
        created_at: now,
        expires_at: now.plus(life),
    };
    let token = token::generate(token::SESSION, &app.context.random);
    app.context.database.insert_browser_session(&session, &token::hash(&token)).await?;
    let token = token.expose_secret().to_owned();
    let url = format!("{}/#session={token}", app.public_url());
    Ok(SessionOpened { token, url, expires_at: session.expires_at })
}

/// Exchanges a session token, once, or a JWT for a cookie. `handshake` says that the host's page handed the
/// token over to Keyway's own; only then, or with a JWT, does the cookie prove its user.
///
/// # Errors
/// 401 where the credential is neither, or the token was exchanged before.
pub(crate) async fn exchange(
    app: &AppState,
    credential: &Credential,
    handshake: bool,
) -> Result<Cookie, Problem> {
    let now = app.context.clock.now();
    let id = BrowserSessionId::new(now, &app.context.random);
    let kind = BrowserSessionKind::Cookie;
    let session = match credential {
        Credential::SessionToken(token) => {
            let session = exchanged(app, token, now).await?;
            let proves_user = handshake;
            BrowserSession { id, kind, proves_user, exchanged_at: None, created_at: now, ..session }
        }
        Credential::Jwt(token) => {
            let verified = app.identities.jwt(token).await?;
            let expires_at = verified.until.min(now.plus(LONGEST_LIFE));
            BrowserSession {
                id,
                user_id: verified.user,
                kind,
                label: None,
                proves_user: true,
                connectors: None,
                exchanged_at: None,
                created_at: now,
                expires_at,
            }
        }
        Credential::ServiceKey(_) | Credential::PersonalToken(_) | Credential::SessionCookie(_) => {
            return Err(Problem::unauthenticated("send a session token or a JWT as the bearer"));
        }
    };
    let value = token::generate(token::COOKIE, &app.context.random);
    app.context.database.insert_browser_session(&session, &token::hash(&value)).await?;
    Ok(Cookie { value, max_age_seconds: session.expires_at.since(now).as_secs() })
}

/// The user whom a token handed over at a launch proves.
///
/// # Errors
/// 401 where it is neither a session token nor a JWT that is good.
pub(crate) async fn handed_over(app: &AppState, token: &str) -> Result<UserId, Problem> {
    match Credential::bearer(token) {
        Credential::SessionToken(token) => {
            app.identities.session_token(&token).await.map(|session| session.user_id)
        }
        Credential::Jwt(token) => app.identities.jwt(&token).await.map(|verified| verified.user),
        Credential::ServiceKey(_) | Credential::PersonalToken(_) | Credential::SessionCookie(_) => {
            Err(Problem::unauthenticated(
                "neither a service key nor a personal token proves who is at a browser",
            ))
        }
    }
}

async fn exchanged(
    app: &AppState,
    token: &SecretString,
    now: Timestamp,
) -> Result<BrowserSession, Problem> {
    let found = app.context.database.exchange_browser_session(&token::hash(token), now).await?;
    found.ok_or_else(|| {
        Problem::unauthenticated("the session token is unknown, has ended or was exchanged before")
    })
}

async fn opening_user(
    app: &AppState,
    shown: Shown,
    wanted: Option<&str>,
) -> Result<UserId, Problem> {
    let wanted = wanted.map(UserId::new).transpose();
    let wanted = wanted.map_err(|error| Problem::invalid(format!("user_id: {error}")))?;
    match shown {
        Shown::SingleUser => own_user(UserId::local(), wanted),
        Shown::Credential(Credential::ServiceKey(key), named) => {
            app.identities.service_key(&key).await?;
            let user = wanted.ok_or_else(|| Problem::invalid("user_id must name the user"))?;
            own_user(user, named)
        }
        Shown::Credential(Credential::Jwt(token), None) => {
            own_user(app.identities.jwt(&token).await?.user, wanted)
        }
        Shown::Credential(Credential::Jwt(_), Some(_)) => {
            Err(Problem::user_header("Keyway-User is taken only with a service key"))
        }
        Shown::Credential(..) => {
            Err(Problem::unauthenticated("a session is opened with a service key or a JWT"))
        }
    }
}

fn own_user(user: UserId, also_named: Option<UserId>) -> Result<UserId, Problem> {
    if also_named.is_some_and(|named| named != user) {
        return Err(Problem::invalid("user_id names another user than the credential"));
    }
    Ok(user)
}

/// The user, with a view of all connectors.
fn all_of(user: &UserId) -> Caller {
    Caller { user: user.clone(), kind: CallerKind::SingleUser, connectors: None }
}

/// The ids of the caller's connectors of these names, so that a credential cannot grow by a slug that is
/// given to another connector later.
pub(super) async fn connector_ids(
    app: &AppState,
    caller: &Caller,
    names: Vec<String>,
) -> Result<Vec<ConnectorId>, Problem> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let unknown =
            || Problem::invalid(format!("connectors: the user has no connector {name:?}"));
        let key: ConnectorKey = name.parse().map_err(|_| unknown())?;
        match registry::find(&app.context, caller, &key).await {
            Ok(view) => ids.push(view.connector.id),
            Err(keyway_connectors::Error::NotFound) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ids)
}

fn life(seconds: Option<u64>) -> Result<Duration, Problem> {
    let life = seconds.map_or(DEFAULT_LIFE, Duration::from_secs);
    if life.is_zero() || life > LONGEST_LIFE {
        return Err(Problem::invalid("expires_in is 1 to 86400 seconds"));
    }
    Ok(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_an_hour_and_a_day_at_most() {
        assert_eq!(life(None).unwrap(), DEFAULT_LIFE);
        assert_eq!(life(Some(86_400)).unwrap(), LONGEST_LIFE);
        assert!(life(Some(86_401)).is_err());
        assert!(life(Some(0)).is_err());
    }

    #[test]
    fn a_credential_opens_sessions_only_for_the_user_it_proves() {
        let ana = || UserId::new("ana").unwrap();
        assert_eq!(own_user(ana(), None).unwrap(), ana());
        assert_eq!(own_user(ana(), Some(ana())).unwrap(), ana());
        assert!(own_user(ana(), Some(UserId::local())).is_err());
    }
}
