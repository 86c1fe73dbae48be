//! The caller behind a request, by what the request shows. A credential that is refused ends the request;
//! nothing falls back to another one.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use keyway_model::{Caller, CallerKind, UserId};

use super::browser;
use crate::{
    error::Problem,
    identity::credentials::{self, Credential},
    state::AppState,
};

/// The caller of a REST route.
pub(crate) struct RestCaller(pub(crate) Caller);

/// The caller of an MCP route, where session tokens are not taken: they are for browsers.
pub(crate) struct McpCaller(pub(crate) Caller);

/// What a request shows, for the routes that decide for themselves what to make of it.
pub(crate) enum Shown {
    /// Nothing is asked for: the `single_user` mode.
    SingleUser,
    /// A credential, and the user that `Keyway-User` names.
    Credential(Credential, Option<UserId>),
}

impl FromRequestParts<AppState> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let user = credentials::named_user(&parts.headers)?;
        if app.single_user {
            return expect_local(user.as_ref()).map(|()| Self::SingleUser);
        }
        let credential = credential(parts, app)?;
        Ok(Self::Credential(credential, user))
    }
}

impl Shown {
    /// The caller whom it proves.
    ///
    /// # Errors
    /// 401 where it proves nobody (any more), 400 where `Keyway-User` does not fit.
    pub(crate) async fn caller(&self, app: &AppState) -> Result<Caller, Problem> {
        match self {
            Self::SingleUser => Ok(local()),
            Self::Credential(credential, user) => {
                app.identities.caller(credential, user.clone()).await
            }
        }
    }
}

impl FromRequestParts<AppState> for RestCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        Shown::from_request_parts(parts, app).await?.caller(app).await.map(Self)
    }
}

impl FromRequestParts<AppState> for McpCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        match Shown::from_request_parts(parts, app).await? {
            Shown::SingleUser => Ok(Self(local())),
            Shown::Credential(Credential::SessionToken(_), _) => Err(Problem::unauthenticated(
                "a session token is not taken here; send a JWT or service key",
            )),
            Shown::Credential(credential, user) => {
                app.identities.caller(&credential, user).await.map(Self)
            }
        }
    }
}

/// The user whom the browser behind these headers proves: the one user of `single_user`, or the one of a
/// session cookie that itself came from a proof. Anything else proves nobody.
pub(crate) async fn proven_user(
    headers: &HeaderMap,
    app: &AppState,
) -> Result<Option<UserId>, Problem> {
    if app.single_user {
        return Ok(Some(UserId::local()));
    }
    let Some(value) = browser::cookie(headers, app.session_cookie_name()) else { return Ok(None) };
    let credential = Credential::SessionCookie(value.into());
    match app.identities.caller(&credential, None).await {
        Ok(Caller { user, kind: CallerKind::SessionCookie { proves_user: true, .. }, .. }) => {
            Ok(Some(user))
        }
        Err(problem) if problem.code().status().is_server_error() => Err(problem),
        _ => Ok(None),
    }
}

fn credential(parts: &Parts, app: &AppState) -> Result<Credential, Problem> {
    let credential = credentials::shown(&parts.headers, app.session_cookie_name())?;
    if matches!(credential, Credential::SessionCookie(_)) {
        browser::expect_own_page(&parts.method, &parts.headers, &app.doors)?;
    }
    Ok(credential)
}

fn local() -> Caller {
    Caller { user: UserId::local(), kind: CallerKind::SingleUser, connectors: None }
}

/// A host that means several users must not find them merged into one.
fn expect_local(user: Option<&UserId>) -> Result<(), Problem> {
    if user.is_none_or(|user| *user == UserId::local()) {
        return Ok(());
    }
    Err(Problem::invalid("single_user has the one user local; set KEYWAY_AUTH=tokens for several"))
}
