//! Erasing a user.

use keyway_model::UserId;

use crate::{audit, context::Context, error::Result, revocations};

/// Erases everything of the user: connectors, grants, sign-ins, sessions, activity. Their tokens are
/// revoked where the servers offer it, which nothing here waits for and nobody is told of.
pub async fn erase(cx: &Context, user: &UserId) -> Result<()> {
    // What waits to be written must not come after the erasure.
    audit::flush(cx).await?;
    for connector in cx.database.erase_user(user).await? {
        cx.credentials.forget(connector);
    }
    revocations::begin(cx);
    Ok(())
}
