//! What the tools' descriptors were when a person last looked at them, beside what they are now.

use std::collections::{HashMap, HashSet};

use keyway_model::{ConnectorId, Descriptor, SeenDescriptor, Timestamp, UserId};

use crate::{
    database::Database, dispatch::dispatch, error::Error, rows::instant, transaction::Transaction,
};

/// How many descriptors are kept of one connector; beyond, those that are listed no longer go.
const MOST: usize = 2048;

macro_rules! columns {
    () => {
        "tool, accepted, accepted_hash, current, current_hash, changed_at"
    };
}

const AT_REVISION: &str = "SELECT revision FROM connectors WHERE user_id = $1 AND id = $2";
const KNOWN: &str =
    "SELECT tool, current_hash FROM tool_descriptors WHERE user_id = $1 AND connector_id = $2";
const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tool_descriptors WHERE user_id = $1 AND connector_id = $2 AND tool = $3"
);
const CHANGED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tool_descriptors
    WHERE user_id = $1 AND connector_id = $2 AND accepted_hash <> current_hash"
);
const SEE: &str = "INSERT INTO tool_descriptors
        (user_id, connector_id, tool, accepted, accepted_hash, current, current_hash, changed_at)
    VALUES ($1, $2, $3, $4, $5, $4, $5, NULL)";
const REPLACE: &str = "UPDATE tool_descriptors
    SET current = $4, current_hash = $5, changed_at = CASE WHEN accepted_hash <> $5 THEN $6 END
    WHERE user_id = $1 AND connector_id = $2 AND tool = $3";
const ACCEPT: &str = "UPDATE tool_descriptors
    SET accepted = current, accepted_hash = current_hash, changed_at = NULL
    WHERE user_id = $1 AND connector_id = $2 AND tool = $3 AND current_hash = $4";
const FORGET: &str =
    "DELETE FROM tool_descriptors WHERE user_id = $1 AND connector_id = $2 AND tool = $3";

impl Database {
    /// Takes note of what the connector's server listed, if the connector's revision is still the one
    /// that the tools were fetched at. A tool that is seen for the first time counts as looked at.
    /// Others are told where a tool is another one than before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_tool_descriptors(
        &self,
        user: &UserId,
        id: ConnectorId,
        revision_fence: i64,
        listed: &[(String, Descriptor)],
        now: Timestamp,
    ) -> Result<(), Error> {
        let known = self.known_descriptors(user, id).await?;
        let is_news =
            |(tool, listed): &&(String, Descriptor)| known.get(tool) != Some(&listed.hash);
        let news: Vec<_> = listed.iter().filter(is_news).collect();
        if news.is_empty() {
            return Ok(());
        }
        let mut transaction = self.write().await?;
        let (user_text, uuid) = (user.as_str(), id.as_uuid());
        let held = transaction.hold_connector(user, id).await?;
        let revision: Option<(i64,)> =
            dispatch!(fetch_optional transaction.statement(), AT_REVISION, user_text, uuid)?;
        if !held || revision != Some((revision_fence,)) {
            return Ok(());
        }
        for (tool, descriptor) in news {
            transaction.note_descriptor(user, id, tool, descriptor, now).await?;
        }
        let names: HashSet<&str> = listed.iter().map(|(tool, _)| tool.as_str()).collect();
        let gone = known.keys().filter(|tool| !names.contains(tool.as_str()));
        if known.len() + listed.len() > MOST {
            for tool in gone {
                dispatch!(
                    execute transaction.statement(), FORGET, user_text, uuid, tool.as_str()
                )?;
            }
        }
        transaction.announce_contact(user, id);
        transaction.commit().await
    }

    async fn known_descriptors(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<HashMap<String, Vec<u8>>, Error> {
        let rows: Vec<(String, Vec<u8>)> =
            dispatch!(fetch_all self.reading(), KNOWN, user.as_str(), id.as_uuid())?;
        Ok(rows.into_iter().collect())
    }

    /// The descriptor of one tool. `None`: it was never listed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tool_descriptor(
        &self,
        user: &UserId,
        id: ConnectorId,
        tool: &str,
    ) -> Result<Option<SeenDescriptor>, Error> {
        let row: Option<Row> =
            dispatch!(fetch_optional self.reading(), ONE, user.as_str(), id.as_uuid(), tool)?;
        Ok(row.map(SeenDescriptor::from))
    }

    /// The tools that are no longer what a person looked at.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn changed_tool_descriptors(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Vec<SeenDescriptor>, Error> {
        let rows: Vec<Row> =
            dispatch!(fetch_all self.reading(), CHANGED, user.as_str(), id.as_uuid())?;
        Ok(rows.into_iter().map(SeenDescriptor::from).collect())
    }

    /// Notes that a person looked at the descriptor of this hash. `false`: the tool has another one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accept_tool_descriptor(
        &self,
        user: &UserId,
        id: ConnectorId,
        tool: &str,
        hash: &[u8],
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let accepted = dispatch!(
            execute transaction.statement(), ACCEPT, user.as_str(), id.as_uuid(), tool, hash
        )?;
        transaction.announce_contact(user, id);
        transaction.commit().await?;
        Ok(accepted > 0)
    }
}

impl Transaction {
    async fn note_descriptor(
        &mut self,
        user: &UserId,
        id: ConnectorId,
        tool: &str,
        descriptor: &Descriptor,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (user, id) = (user.as_str(), id.as_uuid());
        let (text, hash) = (descriptor.text.as_str(), descriptor.hash.as_slice());
        let replaced = dispatch!(
            execute self.statement(), REPLACE, user, id, tool, text, hash, now.as_millis()
        )?;
        if replaced == 0 {
            dispatch!(execute self.statement(), SEE, user, id, tool, text, hash)?;
        }
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tool: String,
    accepted: String,
    accepted_hash: Vec<u8>,
    current: String,
    current_hash: Vec<u8>,
    changed_at: Option<i64>,
}

impl From<Row> for SeenDescriptor {
    fn from(row: Row) -> Self {
        Self {
            tool: row.tool,
            accepted: Descriptor { hash: row.accepted_hash, text: row.accepted },
            current: Descriptor { hash: row.current_hash, text: row.current },
            changed_at: instant(row.changed_at),
        }
    }
}
