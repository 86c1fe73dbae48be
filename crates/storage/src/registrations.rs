//! The client registrations: one for each issuer and redirect URI, of one connector or shared by
//! all.

use keyway_model::{ClientRegistration, ConnectorId, UserId};
use uuid::Uuid;

use crate::{
    client::{ClientRow, client_columns, secret_expiry},
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{RowName, joined_key},
    seal::Place,
};

const ONE: &str = concat!(
    "SELECT ",
    client_columns!(),
    " FROM client_registrations
    WHERE scope = $1 AND user_id IS NOT DISTINCT FROM $2 AND issuer = $3 AND redirect_uri = $4"
);
const SAVE: &str = concat!(
    "INSERT INTO client_registrations (scope, connector_id, user_id, ",
    client_columns!(),
    ", updated_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
    WHERE $3 IS NULL OR EXISTS (SELECT 1 FROM connectors WHERE id = $2 AND user_id = $3)
    ON CONFLICT (scope, issuer, redirect_uri) DO UPDATE
    SET client_kind = excluded.client_kind, client_id = excluded.client_id,
        client_secret = excluded.client_secret, client_auth_method = excluded.client_auth_method,
        client_secret_expires_at = excluded.client_secret_expires_at,
        updated_at = excluded.updated_at"
);
const DELETE: &str = "DELETE FROM client_registrations
    WHERE scope = $1 AND user_id IS NOT DISTINCT FROM $2 AND issuer = COALESCE($3, issuer)";

/// Who may use a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationScope {
    /// One connector of one user.
    Connector(UserId, ConnectorId),
    /// Every connector.
    Shared,
}

impl RegistrationScope {
    fn key(&self) -> String {
        match self {
            Self::Connector(_, id) => id.to_string(),
            Self::Shared => "shared".to_owned(),
        }
    }

    fn user(&self) -> Option<&str> {
        match self {
            Self::Connector(user, _) => Some(user.as_str()),
            Self::Shared => None,
        }
    }

    fn connector(&self) -> Option<Uuid> {
        match self {
            Self::Connector(_, id) => Some(id.as_uuid()),
            Self::Shared => None,
        }
    }
}

impl Database {
    /// The registration with this issuer for this redirect URI, both compared byte for byte.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn registration(
        &self,
        scope: &RegistrationScope,
        issuer: &str,
        redirect_uri: &str,
    ) -> Result<Option<ClientRegistration>, Error> {
        let row: Option<ClientRow> = dispatch!(
            fetch_optional self.reading(), ONE, scope.key(), scope.user(), issuer, redirect_uri
        )?;
        let row_key = joined_key(&[&scope.key(), issuer, redirect_uri]);
        let name = RowName { table: "client_registrations", row: &row_key };
        row.map(|row| row.open(self, name, scope.user().unwrap_or_default())).transpose()
    }

    /// Stores the registration, in place of an earlier one with the same issuer and redirect URI.
    /// `false`, and nothing is written: the user has no such connector.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn save_registration(
        &self,
        scope: &RegistrationScope,
        client: &ClientRegistration,
    ) -> Result<bool, Error> {
        let row_key = joined_key(&[&scope.key(), &client.issuer, &client.redirect_uri]);
        let place = Place {
            table: "client_registrations",
            column: "client_secret",
            row: &row_key,
            user: scope.user().unwrap_or_default(),
        };
        let saved = dispatch!(
            execute self.writing(), SAVE, scope.key(), scope.connector(), scope.user(),
            client.kind.as_str(), client.issuer.as_str(), client.redirect_uri.as_str(),
            client.client_id.as_str(), self.seal_optional(place, client.client_secret.as_ref()),
            client.token_endpoint_auth_method.as_str(), secret_expiry(client), self.stamp()
        )?;
        Ok(saved > 0)
    }

    /// Forgets the registrations with this issuer, or all of the scope. Answers how many there
    /// were.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_registration(
        &self,
        scope: &RegistrationScope,
        issuer: Option<&str>,
    ) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE, scope.key(), scope.user(), issuer)
    }
}
