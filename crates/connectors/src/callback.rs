//! The callback: state, row, browser and issuer are checked before the sign-in is used up; only then is
//! the code exchanged.

use keyway_model::{
    AuthorizationSession, AuthorizationSessionId, ConnectorId, ConnectorKey, FailureCode,
    RegistrationKind, SessionStatus,
};
use keyway_oauth::{
    authorization::{self, AuthorizationCode, CallbackError, Expected},
    state,
};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    clients,
    context::Context,
    error::Result,
    exchange,
    launch::is_bound_browser,
    provider::{DbOAuthProvider, Mode},
};

/// Where the browser is sent after the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// To the page of this sign-in.
    Done(AuthorizationSessionId),
    /// To the page that knows of no sign-in.
    Invalid,
}

/// What the page of a sign-in tells.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The sign-in.
    pub session: AuthorizationSessionId,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The connector's name; foreign text.
    pub connector_name: String,
    /// How far it came: `Claimed` while the code is being exchanged; `Pending` where what came back was
    /// not an answer that counts, so that the right one still can.
    pub status: SessionStatus,
    /// What went wrong.
    pub code: Option<FailureCode>,
    /// The exact origin that is told.
    pub opener_origin: Option<String>,
    /// Where the browser goes on.
    pub return_to: Option<String>,
    /// Whether the page was shown before.
    pub shown_before: bool,
}

/// Takes the authorization server's answer.
///
/// In this order: signature and expiry of the state (before the database is touched), the row, the
/// browser's cookie, the issuer (RFC 9207), the claim, the exchange. Nothing that fails before the claim
/// uses the sign-in up.
pub async fn receive(
    cx: &Context,
    raw_query: &str,
    issuer_key: Option<&str>,
    cookie: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Arrival> {
    let Ok(parameters) = authorization::parse_callback(raw_query) else {
        return Ok(Arrival::Invalid);
    };
    let now = cx.clock.now().as_seconds();
    let payload = parameters.state().map(|state| state::verify(&cx.state_keys, state, now));
    let Some(Ok(payload)) = payload else { return Ok(Arrival::Invalid) };
    let id = AuthorizationSessionId::from_uuid(Uuid::from_bytes(payload.session));
    let Some(session) = cx.database.authorization_session(id).await? else {
        return Ok(Arrival::Invalid);
    };
    if session.status != SessionStatus::Pending {
        return Ok(Arrival::Done(id));
    }
    if !is_bound_browser(cx, &session, cookie) {
        let note = "the answer came from another browser than the one that began";
        cx.database.note_authorization_session(id, FailureCode::BrowserMismatch, note).await?;
        return Ok(Arrival::Done(id));
    }
    let code = if is_right_path(&session, issuer_key) {
        let expected =
            Expected { issuer: &session.client.issuer, iss_supported: session.iss_supported };
        authorization::validate_callback(parameters, &expected)
    } else {
        Err(CallbackError::IssMismatch)
    };
    match code {
        Err(CallbackError::IssMismatch) => {
            let note = "the answer came from another authorization server than the one asked";
            cx.database.note_authorization_session(id, FailureCode::IssMismatch, note).await?;
        }
        Err(CallbackError::Malformed) => {}
        code => claim(cx, id, code).await?,
    }
    Ok(Arrival::Done(id))
}

/// Where the answer does not name its issuer, the path does (RFC 9700 §4.4.2).
fn is_right_path(session: &AuthorizationSession, issuer_key: Option<&str>) -> bool {
    let own = session.client.kind == RegistrationKind::Dynamic && !session.iss_supported;
    let expected = own.then(|| clients::issuer_key(&session.client.issuer));
    expected.as_deref() == issuer_key
}

/// Uses the sign-in up, once, and finishes it detached from the request: a browser that goes away must
/// not lose what the token endpoint gave.
async fn claim(
    cx: &Context,
    id: AuthorizationSessionId,
    code: Result<AuthorizationCode, CallbackError>,
) -> Result<()> {
    let Some(session) = cx.database.claim(id).await? else { return Ok(()) };
    let code = match code {
        Ok(code) => code,
        Err(error) => {
            let failure = match &error {
                CallbackError::Denied => FailureCode::Denied,
                CallbackError::ProviderError { code } if is_about_client(code) => {
                    let (user, connector) = (&session.user_id, session.connector_id);
                    clients::forget_refused(cx, user, connector, &session.client).await?;
                    FailureCode::RegistrationFailed
                }
                _ => FailureCode::ExchangeFailed,
            };
            exchange::fail(cx, &session, failure, &error.to_string()).await?;
            return Ok(());
        }
    };
    let task_cx = cx.clone();
    let finishing = async move { finish(&task_cx, &session, code).await };
    let finishing = cx.tasks.spawn(finishing.in_current_span());
    finishing.await.unwrap_or_else(|error| {
        Err(crate::Error::Internal(format!("finishing a sign-in failed: {error}")))
    })
}

/// Whether an error of the authorization server's is about the client (RFC 6749 §4.1.2.1, §5.2).
fn is_about_client(code: &str) -> bool {
    matches!(code, "invalid_client" | "unauthorized_client")
}

async fn finish(
    cx: &Context,
    session: &AuthorizationSession,
    code: AuthorizationCode,
) -> Result<()> {
    let key = ConnectorKey::Id(session.connector_id);
    let Some(connector) = cx.database.connector(&session.user_id, &key).await? else {
        let note = "the connector was deleted meanwhile";
        let code = FailureCode::ExchangeFailed;
        exchange::fail(cx, session, code, note).await?;
        return Ok(());
    };
    DbOAuthProvider::new(cx, connector, Mode::Initiate).finish(session, code).await
}

/// What the page of a sign-in tells; `None` where there is no such sign-in.
pub async fn outcome(cx: &Context, id: AuthorizationSessionId) -> Result<Option<Outcome>> {
    let Some((session, first_time)) = cx.database.take_outcome(id).await? else { return Ok(None) };
    let key = ConnectorKey::Id(session.connector_id);
    let connector = cx.database.connector(&session.user_id, &key).await?;
    Ok(Some(Outcome {
        session: id,
        connector_id: session.connector_id,
        connector_name: connector.map(|connector| connector.name).unwrap_or_default(),
        status: session.status,
        code: session.failure,
        opener_origin: session.opener_origin,
        return_to: session.return_to,
        shown_before: !first_time,
    }))
}
