//! What is thrown away when its time is over.

use std::time::Duration;

use crate::{context::Context, error::Result};

/// How long an ended sign-in can still be looked at.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long it is known what happened.
const ACTIVITY_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long after its time the end of a client's session is still known, for processes whose clocks lag.
const CLOCKS_APART: Duration = Duration::from_secs(24 * 3600);

/// Deletes sign-in attempts that ended a day ago, sessions and approvals that are over, and old activity.
pub async fn run(cx: &Context) -> Result<()> {
    let now = cx.background.now().await?;
    cx.background.delete_expired_authorization_sessions(now.minus(KEPT)).await?;
    cx.background.delete_expired_browser_sessions(now).await?;
    cx.background.delete_past_client_sessions(now.minus(CLOCKS_APART)).await?;
    cx.background.delete_past_approvals(now).await?;
    cx.background.delete_old_activities(now.minus(ACTIVITY_KEPT)).await?;
    Ok(())
}
