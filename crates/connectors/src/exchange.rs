//! The end of a sign-in: the code becomes tokens, and the tokens become a grant, in one write.

use keyway_model::{
    AuthorizationSession, ClientRegistration, FailureCode, Grant, RegistrationKind, SignInId,
};
use keyway_oauth::{
    authorization::AuthorizationCode,
    client_auth::ClientAuthentication,
    token::{self, JwtClaims, TokenAnswer, TokenError, TokenErrorClass, TokenRequest},
};

use crate::{
    clients, context::Context, error::Result, provider::DbOAuthProvider,
    refresh::count_token_request, sign_out, tokens,
};

/// How a client shows who it is.
pub(crate) fn authentication(client: &ClientRegistration) -> ClientAuthentication<'_> {
    ClientAuthentication {
        client_id: &client.client_id,
        client_secret: client.client_secret.as_ref(),
        method: &client.token_endpoint_auth_method,
    }
}

/// Exchanges the code of a claimed sign-in at the token endpoint recorded at its start.
pub(crate) async fn finish(
    provider: &DbOAuthProvider,
    session: &AuthorizationSession,
    code: AuthorizationCode,
) -> Result<()> {
    let cx = &provider.cx;
    let http = cx.egress.on_behalf_of(&session.connector_url);
    let request = TokenRequest {
        token_endpoint: &session.token_endpoint,
        client: authentication(&session.client),
        resource: session.resource.as_deref(),
    };
    let (redirect_uri, verifier) = (&session.client.redirect_uri, &session.code_verifier);
    let answer = token::exchange_code(&http, &request, code, redirect_uri, verifier).await;
    count_token_request(answer.as_ref().err());
    match answer {
        Ok(answer) => store(cx, session, answer).await,
        Err(error) => refused(cx, session, &error).await,
    }
}

async fn refused(cx: &Context, session: &AuthorizationSession, error: &TokenError) -> Result<()> {
    tracing::warn!(connector = %session.connector_id, code = error.code(), %error, "a code was not exchanged");
    let mut failure = FailureCode::ExchangeFailed;
    if error.class() == TokenErrorClass::ClientBroken {
        failure = FailureCode::RegistrationFailed;
        if session.client.kind == RegistrationKind::Dynamic {
            let scope = clients::scope(cx, &session.user_id, session.connector_id);
            cx.database.delete_registration(&scope, Some(&session.client.issuer)).await?;
        }
    }
    let detail = match error.code() {
        Some(code) => format!("the authorization server refused the code: {code}"),
        None => format!("the authorization server gave no token: {error}"),
    };
    cx.database.fail_authorization_session(session.id, failure, &detail).await?;
    Ok(())
}

async fn store(cx: &Context, session: &AuthorizationSession, answer: TokenAnswer) -> Result<()> {
    let account = answer.id_token.as_ref().and_then(token::jwt_claims).and_then(account);
    let now = cx.clock.now();
    let tokens = match tokens::accept(answer, session.resource.as_deref(), now) {
        Ok(tokens) => tokens,
        Err(error) => {
            let code = FailureCode::ExchangeFailed;
            cx.database.fail_authorization_session(session.id, code, &error.to_string()).await?;
            return Ok(());
        }
    };
    let grant = Grant {
        connector_id: session.connector_id,
        user_id: session.user_id.clone(),
        sign_in_id: SignInId::new(now, &cx.random),
        client: session.client.clone(),
        token_endpoint: session.token_endpoint.clone(),
        revocation_endpoint: session.revocation_endpoint.clone(),
        resource: session.resource.clone(),
        scopes: tokens.scopes.unwrap_or_else(|| session.scopes.clone()),
        account,
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        obtained_at: tokens.obtained_at,
        expires_at: tokens.expires_at,
        generation: 1,
        attempt: None,
        forced_at: None,
    };
    let stored = cx.database.finish_sign_in(session, &grant).await?;
    cx.credentials.forget(session.connector_id);
    if !stored {
        let note = "the connector was changed meanwhile; sign in again";
        let code = FailureCode::ExchangeFailed;
        cx.database.fail_authorization_session(session.id, code, note).await?;
        sign_out::revoke_detached(cx, &session.connector_url, grant);
    }
    Ok(())
}

/// Who signed in, by the claim that people know best (OpenID Connect Core 1.0 §5.1).
fn account(claims: JwtClaims) -> Option<String> {
    let name = claims.email.or(claims.preferred_username).or(claims.name).or(claims.sub)?;
    let shown: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    (!shown.is_empty()).then_some(shown)
}
