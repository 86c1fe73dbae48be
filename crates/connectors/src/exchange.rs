//! The end of a sign-in: the code becomes tokens, and the tokens become a grant, in one write.

use keyway_model::{
    Action, AuthorizationSession, ClientRegistration, FailureCode, Grant, RegistrationKind,
    SignInId,
};
use keyway_oauth::{
    authorization::AuthorizationCode,
    client_auth::{CLIENT_SECRET_BASIC, CLIENT_SECRET_POST},
    dpop::DpopKey,
    token::{self, TokenAnswer, TokenError, TokenErrorClass, TokenRequest},
};
use tracing::Instrument as _;

use crate::{
    accounts::{self, SignedIn},
    audit,
    clients::{self, Authenticator},
    context::Context,
    dpop::{self, Proofs},
    error::Result,
    patience::patiently,
    provider::DbOAuthProvider,
    refresh::count_token_request,
    revocations, tokens, trace,
};

/// Exchanges the code of a claimed sign-in at the token endpoint recorded at its start.
pub(crate) async fn finish(
    provider: &DbOAuthProvider,
    session: &AuthorizationSession,
    code: AuthorizationCode,
) -> Result<()> {
    let cx = &provider.cx;
    let key = session.dpop.then(|| dpop::new_key(cx)).transpose()?;
    match present(cx, session, &code, key.clone()).await {
        Ok(answer) => store(cx, session, answer, key.as_ref()).await,
        Err(error) if error.refuses_client() => {
            finish_the_other_way(cx, session, &code, key, error).await
        }
        Err(error) => refused(cx, session, &error).await,
    }
}

async fn present(
    cx: &Context,
    session: &AuthorizationSession,
    code: &AuthorizationCode,
    key: Option<DpopKey>,
) -> Result<TokenAnswer, TokenError> {
    let http = cx.egress.on_behalf_of(&session.connector_url);
    let proofs = Proofs::new(cx, &session.token_endpoint, key);
    let client = Authenticator::new(cx, &session.client);
    let request = TokenRequest {
        token_endpoint: &session.token_endpoint,
        client: client.authentication(),
        resource: session.resource.as_deref(),
        dpop: proofs.binding(),
    };
    let (redirect_uri, verifier) = (&session.client.redirect_uri, &session.code_verifier);
    let span = trace::token_request();
    let asked = token::exchange_code(&http, &request, code, redirect_uri, verifier);
    let answer = asked.instrument(span.clone()).await;
    count_token_request(&span, answer.as_ref().err());
    proofs.note(&answer);
    answer
}

/// Presents the code once more with the client's secret sent the other way: there are servers that
/// announce or register one way and take only the other. What worked is kept for the refresh.
async fn finish_the_other_way(
    cx: &Context,
    session: &AuthorizationSession,
    code: &AuthorizationCode,
    key: Option<DpopKey>,
    refusal: TokenError,
) -> Result<()> {
    let Some(method) = other_way(&session.client) else {
        return refused(cx, session, &refusal).await;
    };
    let mut other = session.clone();
    method.clone_into(&mut other.client.token_endpoint_auth_method);
    let Ok(answer) = present(cx, &other, code, key.clone()).await else {
        return refused(cx, session, &refusal).await;
    };
    if other.client.kind == RegistrationKind::Dynamic {
        let scope = clients::scope(cx, &session.user_id, session.connector_id);
        cx.database.save_registration(&scope, &other.client).await?;
    }
    store(cx, &other, answer, key.as_ref()).await
}

/// The other of the two ways to send a secret (RFC 6749 §2.3.1), for a client that has one.
fn other_way(client: &ClientRegistration) -> Option<&'static str> {
    client.client_secret.as_ref()?;
    match client.token_endpoint_auth_method.as_str() {
        CLIENT_SECRET_BASIC => Some(CLIENT_SECRET_POST),
        CLIENT_SECRET_POST => Some(CLIENT_SECRET_BASIC),
        _ => None,
    }
}

/// Ends a sign-in without a grant; `detail` says in words why.
pub(crate) async fn fail(
    cx: &Context,
    session: &AuthorizationSession,
    code: FailureCode,
    detail: &str,
) -> Result<()> {
    if cx.database.fail_authorization_session(session.id, code, detail).await? {
        let failed = audit::sign_in_ended(cx, session, Action::SignInFailed, code.as_str());
        audit::record(cx, failed.detail(detail));
    }
    Ok(())
}

async fn refused(cx: &Context, session: &AuthorizationSession, error: &TokenError) -> Result<()> {
    tracing::warn!(connector = %session.connector_id, code = error.code(), %error, "a code was not exchanged");
    let broken = error.class() == TokenErrorClass::ClientBroken;
    let failure =
        if broken { FailureCode::RegistrationFailed } else { FailureCode::ExchangeFailed };
    // A refusal that is no OAuth error may be about the client; a new one costs nothing.
    let unexplained = matches!(error, TokenError::Status { status: 400..=499, .. })
        && error.class() == TokenErrorClass::Protocol;
    if broken || unexplained {
        let (user, connector) = (&session.user_id, session.connector_id);
        clients::forget_refused(cx, user, connector, &session.client).await?;
    }
    let detail = match error.code() {
        Some(code) => format!("the authorization server refused the code: {code}"),
        None => format!("the authorization server gave no token: {error}"),
    };
    fail(cx, session, failure, &detail).await?;
    Ok(())
}

/// The account whose grant the connector has, where this one is another account of the same server: it
/// is not replaced without its owner's saying so.
async fn another_account(
    cx: &Context,
    session: &AuthorizationSession,
    grant: &Grant,
) -> Result<Option<String>> {
    let mut grants = cx.database.grant_facts_of(&session.user_id).await?;
    let known = grants.remove(&session.connector_id);
    let known = known.filter(|known| known.issuer == grant.client.issuer);
    let (Some(known), Some(new)) = (known.and_then(|known| known.account), &grant.account) else {
        return Ok(None);
    };
    Ok((known != *new).then_some(known))
}

/// Ends a sign-in whose tokens are not taken, and has them revoked.
async fn discard(
    cx: &Context,
    session: &AuthorizationSession,
    grant: &Grant,
    code: FailureCode,
    note: &str,
) -> Result<()> {
    fail(cx, session, code, note).await?;
    cx.database.queue_revocation(grant, &session.connector_url).await?;
    revocations::grant_dropped(cx, Some(grant));
    Ok(())
}

async fn store(
    cx: &Context,
    session: &AuthorizationSession,
    answer: TokenAnswer,
    key: Option<&DpopKey>,
) -> Result<()> {
    let dpop_key = tokens::binding(&answer, key);
    let id_token = answer.id_token.clone();
    let now = cx.clock.now();
    let tokens = match tokens::accept(answer, session.resource.as_deref(), now) {
        Ok(tokens) => tokens,
        Err(error) => {
            let code = FailureCode::ExchangeFailed;
            fail(cx, session, code, &error.to_string()).await?;
            return Ok(());
        }
    };
    let scopes = tokens.scopes.unwrap_or_else(|| session.scopes.clone());
    let signed_in = SignedIn {
        id_token: id_token.as_ref(),
        access_token: &tokens.access_token,
        scopes: &scopes,
        userinfo_endpoint: session.userinfo_endpoint.as_deref(),
    };
    let http = cx.egress.on_behalf_of(&session.connector_url);
    let account = accounts::name(&http, signed_in).await;
    let grant = Grant {
        connector_id: session.connector_id,
        user_id: session.user_id.clone(),
        sign_in_id: SignInId::new(now, &cx.random),
        client: session.client.clone(),
        token_endpoint: session.token_endpoint.clone(),
        revocation_endpoint: session.revocation_endpoint.clone(),
        resource: session.resource.clone(),
        scopes,
        account,
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        dpop_key,
        obtained_at: tokens.obtained_at,
        expires_at: tokens.expires_at,
        generation: 1,
        attempt: None,
        forced_at: None,
    };
    if let Some(known) = another_account(cx, session, &grant).await? {
        let note = format!(
            "you signed in as somebody else than {known}, whose connector this is; sign out of it first, \
             or add another connector"
        );
        return discard(cx, session, &grant, FailureCode::UserMismatch, &note).await;
    }
    let stored = patiently(|| cx.database.finish_sign_in(session, &grant)).await?;
    cx.credentials.forget(session.connector_id);
    if !stored {
        let note = "the connector was changed meanwhile; sign in again";
        return discard(cx, session, &grant, FailureCode::ExchangeFailed, note).await;
    }
    audit::record(cx, audit::sign_in_ended(cx, session, Action::SignInFinished, "ok"));
    Ok(())
}
