//! A revocation's columns, the way from them and into them, and how the rows of an erased user lose
//! their name.

use keyway_model::{ConnectorId, Grant, RevocationId, Timestamp, UserId};
use uuid::Uuid;

use super::Revocation;
use crate::{
    client::{ClientRow, secret_expiry},
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::RowName,
    seal::Place,
    transaction::Transaction,
};

macro_rules! revocation_columns {
    () => {
        concat!(
            "id, user_id, connector_id, connector_name, connector_slug, connector_url, ",
            $crate::client::client_columns!(),
            ", revocation_endpoint, refresh_token, refresh_token_revoked, access_token, attempts, next_attempt_at, deadline"
        )
    };
}
pub(super) use revocation_columns;

const INSERT: &str = concat!(
    "INSERT INTO revocations (",
    revocation_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
);
const TAKE_OF_USER: &str =
    concat!("DELETE FROM revocations WHERE user_id = $1 RETURNING ", revocation_columns!());
const LABEL: &str = "SELECT name, slug, url FROM connectors WHERE user_id = $1 AND id = $2";

#[derive(sqlx::FromRow)]
pub(super) struct RevocationRow {
    id: Uuid,
    user_id: Option<String>,
    connector_id: Uuid,
    connector_name: Option<String>,
    connector_slug: Option<String>,
    connector_url: String,
    #[sqlx(flatten)]
    client: ClientRow,
    revocation_endpoint: String,
    refresh_token: Option<Vec<u8>>,
    refresh_token_revoked: bool,
    access_token: Vec<u8>,
    attempts: i64,
    next_attempt_at: i64,
    deadline: i64,
}

impl RevocationRow {
    pub(super) fn id(&self) -> RevocationId {
        RevocationId::from_uuid(self.id)
    }
}

impl Database {
    pub(super) fn open_revocation(&self, row: RevocationRow) -> Result<Revocation, Error> {
        let id = row.id();
        let key = id.to_string();
        let user = row.user_id.clone().unwrap_or_default();
        let name = RowName { table: "revocations", row: &key };
        Ok(Revocation {
            id,
            user_id: row.user_id.map(|user| name.user("user_id", user)).transpose()?,
            connector_id: ConnectorId::from_uuid(row.connector_id),
            connector_name: row.connector_name,
            connector_slug: row.connector_slug,
            connector_url: row.connector_url,
            client: row.client.open(self, name, &user)?,
            revocation_endpoint: row.revocation_endpoint,
            refresh_token: self
                .open_optional(place("refresh_token", &key, &user), row.refresh_token.as_deref())?,
            refresh_token_revoked: row.refresh_token_revoked,
            access_token: self
                .open_sealed(place("access_token", &key, &user), &row.access_token)?,
            attempts: row.attempts,
            deadline: Timestamp::from_millis(row.deadline),
        })
    }

    /// Writes down that the grant's tokens are to be revoked, at once and for a day. `user` is
    /// `None` for one who is being erased. Without `connector_url` it is the stored connector's.
    pub(crate) async fn insert_revocation(
        &self,
        transaction: &mut Transaction,
        grant: &Grant,
        connector_url: Option<&str>,
        user: Option<&UserId>,
    ) -> Result<(), Error> {
        let Some(endpoint) = grant.revocation_endpoint.clone() else { return Ok(()) };
        let label: Option<(String, String, String)> = dispatch!(
            fetch_optional transaction.statement(), LABEL, grant.user_id.as_str(),
            grant.connector_id.as_uuid()
        )?;
        let label = label.unwrap_or_default();
        let told = |text: &str| user.filter(|_| !text.is_empty()).map(|_| text.to_owned());
        let revocation = Revocation {
            id: RevocationId::new(self.inner.clock.now(), &self.inner.random),
            user_id: user.cloned(),
            connector_id: grant.connector_id,
            connector_name: told(&label.0),
            connector_slug: told(&label.1),
            connector_url: connector_url.map_or(label.2, str::to_owned),
            client: grant.client.clone(),
            revocation_endpoint: endpoint,
            refresh_token: grant.refresh_token.clone(),
            refresh_token_revoked: false,
            access_token: grant.access_token.clone(),
            attempts: 0,
            deadline: Timestamp::from_millis(self.deadline()),
        };
        self.insert_row_of(transaction, &revocation, 0).await
    }

    /// Takes the name of an erased user off what is still to be revoked.
    pub(crate) async fn make_revocations_nobodys(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
    ) -> Result<(), Error> {
        let rows: Vec<RevocationRow> =
            dispatch!(fetch_all transaction.statement(), TAKE_OF_USER, user.as_str())?;
        for row in rows {
            let due = row.next_attempt_at;
            match self.open_revocation(row) {
                Ok(revocation) => {
                    let nobodys = Revocation {
                        user_id: None,
                        connector_name: None,
                        connector_slug: None,
                        ..revocation
                    };
                    self.insert_row_of(transaction, &nobodys, due).await?;
                }
                Err(error) => tracing::warn!(%error, "a revocation was given up with its user"),
            }
        }
        Ok(())
    }

    async fn insert_row_of(
        &self,
        transaction: &mut Transaction,
        revocation: &Revocation,
        next_attempt_at: i64,
    ) -> Result<(), Error> {
        let (client, key) = (&revocation.client, revocation.id.to_string());
        let user = revocation.user_id.as_ref().map(UserId::as_str);
        let at = |column| place(column, &key, user.unwrap_or_default());
        dispatch!(
            execute transaction.statement(), INSERT,
            revocation.id.as_uuid(), user, revocation.connector_id.as_uuid(),
            revocation.connector_name.as_deref(), revocation.connector_slug.as_deref(),
            revocation.connector_url.as_str(), client.kind.as_str(), client.issuer.as_str(),
            client.redirect_uri.as_str(), client.client_id.as_str(),
            self.seal_optional(at("client_secret"), client.client_secret.as_ref()),
            client.token_endpoint_auth_method.as_str(), secret_expiry(client),
            revocation.revocation_endpoint.as_str(),
            self.seal_optional(at("refresh_token"), revocation.refresh_token.as_ref()),
            revocation.refresh_token_revoked,
            self.seal(at("access_token"), &revocation.access_token), revocation.attempts,
            next_attempt_at, revocation.deadline.as_millis()
        )?;
        Ok(())
    }
}

fn place<'a>(column: &'static str, key: &'a str, user: &'a str) -> Place<'a> {
    Place { table: "revocations", column, row: key, user }
}
