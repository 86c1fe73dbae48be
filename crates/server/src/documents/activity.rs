//! What happened to the caller's connectors.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_connectors::audit;
use keyway_model::{Activity as Happened, ActivityId, ConnectorId, ConnectorKey, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::error::Problem;

const DEFAULT_LIMIT: u16 = 50;
const HIGHEST_LIMIT: u16 = 200;

/// Which part of the list is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivityQuery {
    /// The only connector, by its id or slug; it may be deleted.
    #[serde(default)]
    connector: Option<String>,
    /// The `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// How much at most; 50 where absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

impl ActivityQuery {
    /// The connector, if one is named.
    ///
    /// # Errors
    /// 400 where the text can name none.
    pub(crate) fn connector(&self) -> Result<Option<ConnectorKey>, Problem> {
        let key = self.connector.as_deref().map(str::parse).transpose();
        key.map_err(|_| Problem::invalid("connector is the id or the slug of a connector"))
    }

    /// Where to go on.
    ///
    /// # Errors
    /// 400 where the text was never given out.
    pub(crate) fn before(&self) -> Result<Option<ActivityId>, Problem> {
        let parse = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let id = std::str::from_utf8(&bytes).ok()?.parse().ok()?;
            (cursor(id) == *text).then_some(id)
        };
        let refused = || Problem::invalid("the cursor is not one that was given out");
        self.cursor.as_ref().map(|text| parse(text).ok_or_else(refused)).transpose()
    }

    /// How much is wanted.
    ///
    /// # Errors
    /// 400 where it is out of bounds.
    pub(crate) fn limit(&self) -> Result<u16, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let fits = (1..=HIGHEST_LIMIT).contains(&limit);
        let refused = || Problem::invalid(format!("limit is between 1 and {HIGHEST_LIMIT}"));
        fits.then_some(limit).ok_or_else(refused)
    }
}

fn cursor(id: ActivityId) -> String {
    URL_SAFE_NO_PAD.encode(id.to_string())
}

/// A page of what happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivityPage {
    /// The newest first.
    activity: Vec<Activity>,
    /// Leads to the next page; null on the last one.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Activity {
    #[schema(value_type = String)]
    id: ActivityId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The slug the connector had then.
    #[schema(required = true)]
    connector: Option<String>,
    #[schema(value_type = Option<String>, required = true)]
    connector_id: Option<ConnectorId>,
    /// The name the connector had then.
    #[schema(required = true)]
    connector_name: Option<String>,
    /// Who did it, by what was shown at the door.
    #[schema(schema_with = schema::actor)]
    actor: &'static str,
    /// What was done.
    #[schema(schema_with = schema::action)]
    action: &'static str,
    /// `ok`, or a code that says what went wrong.
    outcome: String,
    /// The tool, or the MCP method with the name it is about.
    #[schema(required = true)]
    subject: Option<String>,
    /// More in words.
    #[schema(required = true)]
    detail: Option<String>,
    /// How long it took, in milliseconds.
    #[schema(required = true)]
    duration_ms: Option<i64>,
    /// How large the result was, in bytes.
    #[schema(required = true)]
    size: Option<i64>,
}

impl From<audit::Page> for ActivityPage {
    fn from(page: audit::Page) -> Self {
        let activity = page.activity.into_iter().map(Activity::from).collect();
        Self { activity, next_cursor: page.next.map(cursor) }
    }
}

impl From<Happened> for Activity {
    fn from(happened: Happened) -> Self {
        Self {
            id: happened.id,
            at: happened.at,
            connector: happened.connector_slug,
            connector_id: happened.connector_id,
            connector_name: happened.connector_name,
            actor: happened.actor.as_str(),
            action: happened.action.as_str(),
            outcome: happened.outcome,
            subject: happened.subject,
            detail: happened.detail,
            duration_ms: happened.duration_ms,
            size: happened.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(cursor: &str) -> Option<ActivityId> {
        let query = ActivityQuery { connector: None, cursor: Some(cursor.into()), limit: None };
        query.before().ok().flatten()
    }

    #[test]
    fn only_cursors_that_were_given_out_are_read() {
        let id: ActivityId = "01930000-0000-7000-8000-000000000000".parse().unwrap();
        assert_eq!(before(&cursor(id)), Some(id));
        let simple = URL_SAFE_NO_PAD.encode("01930000000070008000000000000000");
        for text in ["", "x", "%", &id.to_string(), &simple, &format!("{}=", cursor(id))] {
            assert_eq!(before(text), None, "{text}");
        }
    }
}
