//! The caller behind a request, by what the request shows. A credential that is refused ends the request;
//! nothing falls back to another one.

use axum::{
    BoxError,
    body::{Bytes, HttpBody},
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
    response::Response,
};
use keyway_model::{Caller, CallerKind, UserId};

use super::browser;
use crate::{
    error::Problem,
    identity::credentials::{self, Credential},
    lifetime::Lifetime,
    state::AppState,
    streams::Room,
};

/// The caller of a REST route.
pub(crate) struct RestCaller(pub(crate) Caller);

/// The person at Keyway's own page, by the session cookie: nothing that can be handed over counts here.
pub(crate) struct PageCaller(pub(crate) Caller);

/// The caller of a route that is for a person: a browser's session, or the one user of `single_user`.
pub(crate) struct SessionCaller(pub(crate) Caller);

/// The caller of a route that lists or calls tools, where personal tokens are taken too.
pub(crate) struct ToolCaller(pub(crate) Caller);

/// The caller of an MCP route, and what its answer is bounded by. Session tokens are not taken: they are for
/// browsers. Personal tokens are.
pub(crate) struct McpCaller(pub(crate) Caller, pub(crate) Bounds);

/// What the answer to a caller at an MCP door is bounded by.
pub(crate) struct Bounds {
    lifetime: Lifetime,
    room: Room,
}

impl Bounds {
    /// The answer to the caller within its bounds. Every answer at an MCP door passes here.
    pub(crate) fn hold<B>(self, app: &AppState, caller: &Caller, response: Response<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.lifetime.bind(self.room.keep(app, &caller.user, response))
    }
}

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
    /// The caller whom it proves, at the doors where a personal token proves nobody.
    ///
    /// # Errors
    /// 401 where it proves nobody (any more), 400 where `Keyway-User` does not fit.
    pub(crate) async fn caller(&self, app: &AppState) -> Result<Caller, Problem> {
        if matches!(self, Self::Credential(Credential::PersonalToken(_), _)) {
            let detail = "a personal token is taken at /mcp, and for listing and calling tools";
            return Err(Problem::unauthenticated(detail));
        }
        self.caller_of_tools(app).await
    }

    /// The same, at the doors where a personal token counts.
    async fn caller_of_tools(&self, app: &AppState) -> Result<Caller, Problem> {
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

impl FromRequestParts<AppState> for PageCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let shown = Shown::from_request_parts(parts, app).await?;
        match shown {
            Shown::Credential(Credential::SessionCookie(_), _) => shown.caller(app).await.map(Self),
            Shown::SingleUser => Err(Problem::invalid(
                "single_user asks for no credentials; set KEYWAY_AUTH=tokens for personal tokens",
            )),
            Shown::Credential(..) => Err(Problem::unauthenticated(
                "this takes the session cookie of Keyway's own page, and no bearer token",
            )),
        }
    }
}

impl FromRequestParts<AppState> for SessionCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let RestCaller(caller) = RestCaller::from_request_parts(parts, app).await?;
        match caller.kind {
            CallerKind::SingleUser
            | CallerKind::SessionToken(_)
            | CallerKind::SessionCookie { .. } => Ok(Self(caller)),
            CallerKind::Operator
            | CallerKind::Jwt
            | CallerKind::ServiceKey(_)
            | CallerKind::PersonalToken(_) => Err(Problem::unauthenticated(
                "a person decides this: send a session of the user, from POST /api/v1/sessions",
            )),
        }
    }
}

impl FromRequestParts<AppState> for ToolCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        Shown::from_request_parts(parts, app).await?.caller_of_tools(app).await.map(Self)
    }
}

impl FromRequestParts<AppState> for McpCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let (caller, lifetime) = match Shown::from_request_parts(parts, app).await? {
            Shown::SingleUser => (local(), Lifetime::UNBOUND),
            Shown::Credential(Credential::SessionToken(_), _) => {
                return Err(Problem::unauthenticated(
                    "a session token is not taken here; send a JWT, service key or personal token",
                ));
            }
            Shown::Credential(credential, user) => {
                let lifetime = lifetime(app, &credential).await?;
                (app.identities.caller(&credential, user).await?, lifetime)
            }
        };
        let room = Room::of(app, &caller.user, &parts.method)?;
        Ok(Self(caller, Bounds { lifetime, room }))
    }
}

/// How long an answer to this credential may stream.
async fn lifetime(app: &AppState, credential: &Credential) -> Result<Lifetime, Problem> {
    let Credential::PersonalToken(token) = credential else { return Ok(Lifetime::UNBOUND) };
    // From before the look at the token, so that no revocation falls in between.
    let changes = app.context.background.changes();
    let token = app.identities.personal_token(token).await?;
    Ok(Lifetime::of_personal_token(app.clone(), token.id, token.expires_at, changes))
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
