//! The door that secrets pass: sealed on the way in, opened on the way out, and counted by key.

use secrecy::SecretString;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    seal::{Place, key_id_of_padded},
};

/// Every sealed column; the key id is the 32 bytes behind the version. A new one is to be added
/// here.
const COUNT: &str = "SELECT key_id, count(*) FROM (
        SELECT substr(client_secret, 2, 32) AS key_id
        FROM connectors WHERE client_secret IS NOT NULL
    UNION ALL
        SELECT substr(value, 2, 32) FROM connector_headers
    UNION ALL
        SELECT substr(value, 2, 32) FROM connector_secrets
    UNION ALL
        SELECT substr(client_secret, 2, 32)
        FROM client_registrations WHERE client_secret IS NOT NULL
    UNION ALL
        SELECT substr(client_secret, 2, 32)
        FROM authorization_sessions WHERE client_secret IS NOT NULL
    UNION ALL
        SELECT substr(code_verifier, 2, 32) FROM authorization_sessions
    UNION ALL
        SELECT substr(client_secret, 2, 32) FROM grants WHERE client_secret IS NOT NULL
    UNION ALL
        SELECT substr(access_token, 2, 32) FROM grants
    UNION ALL
        SELECT substr(refresh_token, 2, 32) FROM grants WHERE refresh_token IS NOT NULL
    UNION ALL
        SELECT substr(dpop_key, 2, 32) FROM grants WHERE dpop_key IS NOT NULL
    UNION ALL
        SELECT substr(arguments, 2, 32) FROM approvals
    UNION ALL
        SELECT substr(client_secret, 2, 32) FROM revocations WHERE client_secret IS NOT NULL
    UNION ALL
        SELECT substr(access_token, 2, 32) FROM revocations
    UNION ALL
        SELECT substr(refresh_token, 2, 32) FROM revocations WHERE refresh_token IS NOT NULL
    ) AS sealed_values GROUP BY key_id ORDER BY key_id";

impl Database {
    /// How many values are sealed under each master key, by key id. A key that is not listed is not
    /// needed any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sealed_value_counts(&self) -> Result<Vec<(String, i64)>, Error> {
        let counts: Vec<(Vec<u8>, i64)> = dispatch!(fetch_all self.reading(), COUNT)?;
        Ok(counts.into_iter().map(|(id, count)| (key_id_of_padded(&id), count)).collect())
    }

    pub(crate) fn seal(&self, place: Place<'_>, secret: &SecretString) -> Vec<u8> {
        self.inner.keys.seal(&self.inner.random, place, secret)
    }

    pub(crate) fn seal_optional(
        &self,
        place: Place<'_>,
        secret: Option<&SecretString>,
    ) -> Option<Vec<u8>> {
        secret.map(|secret| self.seal(place, secret))
    }

    pub(crate) fn open_sealed(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, Error> {
        self.inner.keys.open(place, sealed)
    }

    pub(crate) fn open_optional(
        &self,
        place: Place<'_>,
        sealed: Option<&[u8]>,
    ) -> Result<Option<SecretString>, Error> {
        sealed.map(|sealed| self.open_sealed(place, sealed)).transpose()
    }
}
