//! The sessions of MCP clients that were ended. What a session is stands in its sealed id alone, so that
//! only the ends are stored, and only until the id would have been over anyway.

use keyway_model::Timestamp;
use uuid::Uuid;

use crate::{database::Database, dispatch::dispatch, error::Error, notify::Change};

const INSERT: &str = "INSERT INTO ended_client_sessions (id, ends_at) VALUES ($1, $2)
    ON CONFLICT (id) DO NOTHING";
const FIND: &str = "SELECT ends_at FROM ended_client_sessions WHERE id = $1";
const DELETE_PAST: &str = "DELETE FROM ended_client_sessions WHERE ends_at < $1";

impl Database {
    /// Ends a session, whose id is over at `ends_at` in any case. To end it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_client_session(&self, id: Uuid, ends_at: Timestamp) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        dispatch!(execute transaction.statement(), INSERT, id, ends_at.as_millis())?;
        transaction.announce(Change::ClientSession { id });
        transaction.commit().await
    }

    /// Whether the session was ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_client_session_ended(&self, id: Uuid) -> Result<bool, Error> {
        let found: Option<(i64,)> = dispatch!(fetch_optional self.reading(), FIND, id)?;
        Ok(found.is_some())
    }

    /// Forgets the ended sessions whose ids were over before this instant. Answers how many there were.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_past_client_sessions(&self, older_than: Timestamp) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE_PAST, older_than.as_millis())
    }
}
