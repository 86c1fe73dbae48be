//! Signing out: the grant is forgotten at once; its tokens are revoked by and by, where the server offers
//! it.

use keyway_model::{Action, AuthType, Caller, ConnectorKey};

use crate::{
    audit, clients,
    context::Context,
    error::{Error, Result},
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
    let signed_out = audit::activity_of(cx, caller, Action::SignedOut, "ok").of(&connector);
    DbOAuthProvider::new(cx, connector, Mode::Use).drop_grant().await?;
    audit::record(cx, signed_out);
    Ok(())
}
