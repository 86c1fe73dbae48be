//! Signing out: the grant is forgotten at once, and its tokens are revoked where the server offers it
//! (RFC 7009), the refresh token first.

use keyway_model::{AuthType, Caller, ConnectorKey, Grant};
use keyway_oauth::revocation;

use crate::{
    clients,
    context::Context,
    error::{Error, Result},
    exchange::authentication,
    provider::{DbOAuthProvider, Mode},
    registry,
};

/// Signs the caller's connector out. `forget_registration` drops the client registration as well, so
/// that the next sign-in registers anew.
pub async fn sign_out(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    forget_registration: bool,
) -> Result<()> {
    let connector = registry::connector(cx, caller, key).await?;
    if connector.auth_type != AuthType::OAuth {
        let text = "this connector is used with headers; there is nothing to sign out of";
        return Err(Error::NotOAuth(text.to_owned()).about(connector.reference()));
    }
    if forget_registration {
        let scope = clients::scope(cx, &connector.user_id, connector.id);
        cx.database.delete_registration(&scope, None).await?;
    }
    DbOAuthProvider::new(cx, connector, Mode::Use).drop_grant().await
}

/// Revokes the tokens of a grant that is forgotten already. What the server says to it changes nothing.
pub(crate) fn revoke_detached(cx: &Context, connector_url: &str, grant: Grant) {
    let Some(endpoint) = grant.revocation_endpoint.clone() else { return };
    let http = cx.egress.on_behalf_of(connector_url);
    let id = grant.connector_id;
    cx.tasks.spawn(async move {
        let client = authentication(&grant.client);
        let refresh_token = grant.refresh_token.iter().map(|token| (token, "refresh_token"));
        let tokens = refresh_token.chain([(&grant.access_token, "access_token")]);
        for (token, hint) in tokens {
            let revoked = revocation::revoke(&http, &endpoint, &client, token, hint).await;
            if let Err(error) = revoked {
                tracing::info!(connector = %id, hint, %error, "a token was not revoked");
            }
        }
    });
}
