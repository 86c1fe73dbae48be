//! The tools that a connector's server listed last, as the JSON text it sent.

use keyway_model::{ConnectorId, Timestamp, UserId};

use crate::{database::Database, dispatch::dispatch, error::Error};

const ONE: &str =
    "SELECT tools, fetched_at FROM tool_lists WHERE user_id = $1 AND connector_id = $2";
const TOUCH: &str = "UPDATE tool_lists SET fetched_at = $5
    WHERE user_id = $1 AND connector_id = $2 AND tools = $4
        AND EXISTS (SELECT 1 FROM connectors WHERE user_id = $1 AND id = $2 AND revision = $3)";
const SAVE: &str = "INSERT INTO tool_lists (user_id, connector_id, tools, fetched_at)
    SELECT $1, $2, $4, $5
    WHERE EXISTS (SELECT 1 FROM connectors WHERE user_id = $1 AND id = $2 AND revision = $3)
    ON CONFLICT (connector_id) DO UPDATE
    SET tools = excluded.tools, fetched_at = excluded.fetched_at";

/// A stored list of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolList {
    /// The tools as a JSON array, as the server sent them.
    pub tools_json: String,
    /// When they were fetched.
    pub fetched_at: Timestamp,
}

impl Database {
    /// Stores what the connector's server listed, if the connector's revision is still the one that
    /// the tools were fetched at. `false`, and nothing is written, otherwise. Others are told only
    /// if the list is another one than before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn save_tool_list(
        &self,
        user: &UserId,
        id: ConnectorId,
        revision_fence: i64,
        tools_json: &str,
        fetched_at: Timestamp,
    ) -> Result<bool, Error> {
        let (user_text, uuid, at) = (user.as_str(), id.as_uuid(), fetched_at.as_millis());
        let mut transaction = self.write().await?;
        let mut saved = dispatch!(
            execute transaction.statement(), TOUCH, user_text, uuid, revision_fence, tools_json, at
        )?;
        if saved == 0 {
            saved = dispatch!(
                execute transaction.statement(), SAVE, user_text, uuid, revision_fence, tools_json,
                at
            )?;
            if saved > 0 {
                transaction.announce_contact(user, id);
            }
        }
        transaction.commit().await?;
        Ok(saved > 0)
    }

    /// The stored tools of the connector.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tool_list(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Option<ToolList>, Error> {
        let row: Option<(String, i64)> =
            dispatch!(fetch_optional self.reading(), ONE, user.as_str(), id.as_uuid())?;
        Ok(row.map(|(tools_json, fetched_at)| ToolList {
            tools_json,
            fetched_at: Timestamp::from_millis(fetched_at),
        }))
    }
}
