//! The canaries: a known text sealed under each master key, which tells a wrong key from a damaged
//! row.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    seal::{MasterKey, Place, seal_under},
};

const CANARY: &str = "keyway canary";

const PLANT: &str = "INSERT INTO key_canaries (key_id, sealed, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (key_id) DO NOTHING";
const READ: &str = "SELECT sealed FROM key_canaries WHERE key_id = $1";

impl Database {
    /// Checks at start that every configured master key is the one that its id stood for before,
    /// and that every key that is still needed is there.
    ///
    /// # Errors
    /// [`Error::WrongKey`] or [`Error::KeyMissing`], whose messages say how to mend it.
    pub async fn check_keys(&self) -> Result<(), Error> {
        for master in self.inner.keys.iter() {
            self.check_key(master).await?;
        }
        for (key_id, _) in self.sealed_value_counts().await? {
            if !self.inner.keys.ids().any(|id| id == key_id) {
                return Err(Error::KeyMissing { key_id });
            }
        }
        Ok(())
    }

    /// Plants the key's canary where it has none, and opens the one that is there: of two processes
    /// that start with different keys under one id, the later one fails.
    async fn check_key(&self, master: &MasterKey) -> Result<(), Error> {
        let place = Place { table: "key_canaries", column: "sealed", row: &master.id, user: "" };
        let text = SecretString::from(CANARY);
        let sealed = seal_under(master, &self.inner.random, place, &text);
        dispatch!(execute self.writing(), PLANT, master.id.as_str(), sealed.as_slice(), self.stamp())?;
        let (sealed,): (Vec<u8>,) = dispatch!(fetch_one self.reading(), READ, master.id.as_str())?;
        match self.open_sealed(place, &sealed) {
            Ok(text) if text.expose_secret() == CANARY => Ok(()),
            _ => Err(Error::WrongKey { key_id: master.id.clone() }),
        }
    }
}
