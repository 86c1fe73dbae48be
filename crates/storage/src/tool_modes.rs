//! The modes of a connector's tools, which are part of its row.

use keyway_model::{ConnectorId, ToolMode, ToolModes, UserId};

use crate::{database::Database, dispatch::dispatch, error::Error, rows::json_text};

const SET: &str = "UPDATE connectors SET tool_modes = $3 WHERE user_id = $1 AND id = $2";
const FORGET_DECISIONS: &str =
    "DELETE FROM approvals WHERE user_id = $1 AND connector_id = $2 AND tool = $3";

impl Database {
    /// Sets the mode of one of the connector's tools, and forgets what was decided about calls of it.
    /// The revision stays. `None`: the user has no such connector.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_tool_mode(
        &self,
        user: &UserId,
        id: ConnectorId,
        tool: &str,
        mode: ToolMode,
    ) -> Result<Option<ToolModes>, Error> {
        let mut transaction = self.write().await?;
        if !transaction.hold_connector(user, id).await? {
            return Ok(None);
        }
        let Some(connector) = transaction.connector(user, id).await? else { return Ok(None) };
        let mut modes = connector.tool_modes;
        modes.set(tool, mode);
        let (user_text, uuid, text) = (user.as_str(), id.as_uuid(), json_text(&modes));
        dispatch!(execute transaction.statement(), SET, user_text, uuid, text)?;
        dispatch!(execute transaction.statement(), FORGET_DECISIONS, user_text, uuid, tool)?;
        transaction.announce_connector(user, id);
        transaction.announce_contact(user, id);
        transaction.announce_approvals(user, id);
        transaction.commit().await?;
        Ok(Some(modes))
    }
}
