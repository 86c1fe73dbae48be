//! What the gateway does when something changed, in this process or another.

use keyway_connectors::Change;
use tokio::sync::broadcast::error::RecvError;

use crate::gateway::Gateway;

/// Follows the changes until the database is closed.
pub async fn follow(gateway: Gateway) {
    let cx = &gateway.cx;
    let mut changes = cx.background.changes();
    loop {
        match changes.recv().await {
            Ok(Change::Connector { connector_id, .. }) => {
                gateway.channels.follow(cx, connector_id).await;
            }
            Ok(Change::ClientSession { id }) => gateway.clients.end(id),
            Ok(Change::Everything) | Err(RecvError::Lagged(_)) => {
                gateway.clients.may_have_missed_ends();
                gateway.channels.follow_all(cx).await;
            }
            Ok(_) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
