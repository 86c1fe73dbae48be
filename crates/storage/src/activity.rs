//! What happened to the users' connectors: written in batches, read in pages, deleted when it is old.

use keyway_model::{Activity, ActivityId, ConnectorId, Slug, Timestamp, UserId};
use uuid::Uuid;

use crate::{database::Database, dispatch::dispatch, error::Error, rows::RowName};

macro_rules! columns {
    () => {
        "id, user_id, at, connector_id, connector_name, connector_slug, actor, action, outcome, \
         subject, detail, duration_ms, size"
    };
}

/// A batch that may have been written before does no harm.
const INSERT: &str = concat!(
    "INSERT INTO activity (",
    columns!(),
    ") VALUES ($1, $2, $3, $4,
        COALESCE($5, (SELECT name FROM connectors WHERE user_id = $2 AND id = $4)),
        COALESCE($6, (SELECT slug FROM connectors WHERE user_id = $2 AND id = $4)),
        $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (id) DO NOTHING"
);
const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM activity WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
const OF_CONNECTOR: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM activity WHERE user_id = $1 AND id < $2 AND connector_id = $4 ORDER BY id DESC LIMIT $3"
);
const OF_SLUG: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM activity WHERE user_id = $1 AND id < $2 AND connector_slug = $4 ORDER BY id DESC LIMIT $3"
);
const EXISTS: &str = "SELECT id FROM activity WHERE user_id = $1 AND id = $2";
const DELETE_OLD: &str = "DELETE FROM activity WHERE at < $1";

/// Whose or what's activity.
#[derive(Clone, Debug)]
pub enum ActivityOf {
    /// All of the user's.
    User,
    /// Of one connector, which may be gone.
    Connector(ConnectorId),
    /// Of the connectors that had this slug when it happened.
    Slug(Slug),
}

impl Database {
    /// Writes a batch down, in one transaction. What names a connector without saying what it is
    /// called gets the stored name. Rows that are there already stay as they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing of the batch is written.
    pub async fn insert_activities(&self, batch: &[Activity]) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        for activity in batch {
            dispatch!(
                execute transaction.statement(), INSERT,
                activity.id.as_uuid(), activity.user_id.as_str(), activity.at.as_millis(),
                activity.connector_id.map(ConnectorId::as_uuid),
                activity.connector_name.as_deref(), activity.connector_slug.as_deref(),
                activity.actor.as_str(), activity.action.as_str(), activity.outcome.as_str(),
                activity.subject.as_deref(), activity.detail.as_deref(), activity.duration_ms,
                activity.size
            )?;
        }
        transaction.commit().await
    }

    /// What happened, the newest first, at most `most`.
    /// With `before`, what comes after that one in the list. `None`: the user has no activity
    /// `before`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn activities_of(
        &self,
        user: &UserId,
        of: &ActivityOf,
        before: Option<ActivityId>,
        most: i64,
    ) -> Result<Option<Vec<Activity>>, Error> {
        let user = user.as_str();
        if let Some(before) = before {
            let found: Option<(Uuid,)> =
                dispatch!(fetch_optional self.reading(), EXISTS, user, before.as_uuid())?;
            if found.is_none() {
                return Ok(None);
            }
        }
        let before = before.map_or(Uuid::max(), ActivityId::as_uuid);
        let rows: Vec<Row> = match of {
            ActivityOf::User => dispatch!(fetch_all self.reading(), ALL, user, before, most)?,
            ActivityOf::Connector(id) => {
                let id = id.as_uuid();
                dispatch!(fetch_all self.reading(), OF_CONNECTOR, user, before, most, id)?
            }
            ActivityOf::Slug(slug) => {
                let slug = slug.as_str();
                dispatch!(fetch_all self.reading(), OF_SLUG, user, before, most, slug)?
            }
        };
        rows.into_iter().map(Activity::try_from).collect::<Result<_, _>>().map(Some)
    }

    /// Deletes what happened before this instant. Answers how much there was.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_old_activities(&self, older_than: Timestamp) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE_OLD, older_than.as_millis())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    user_id: String,
    at: i64,
    connector_id: Option<Uuid>,
    connector_name: Option<String>,
    connector_slug: Option<String>,
    actor: String,
    action: String,
    outcome: String,
    subject: Option<String>,
    detail: Option<String>,
    duration_ms: Option<i64>,
    size: Option<i64>,
}

impl TryFrom<Row> for Activity {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = ActivityId::from_uuid(row.id);
        let key = id.to_string();
        let name = RowName { table: "activity", row: &key };
        Ok(Self {
            id,
            user_id: name.user("user_id", row.user_id)?,
            at: Timestamp::from_millis(row.at),
            connector_id: row.connector_id.map(ConnectorId::from_uuid),
            connector_name: row.connector_name,
            connector_slug: row.connector_slug,
            actor: name.parse("actor", &row.actor)?,
            action: name.parse("action", &row.action)?,
            outcome: row.outcome,
            subject: row.subject,
            detail: row.detail,
            duration_ms: row.duration_ms,
            size: row.size,
        })
    }
}
