//! Keyway's database: one API over SQLite and PostgreSQL, with secrets sealed at this door.
//!
//! There is one SQL text for both, with `$1…$n`, and one [`Database`] over the two pools. Above
//! this crate no secret is sealed, below it none is readable. Nothing here speaks OAuth or HTTP,
//! and no transaction lives longer than the call that opened it.

mod dispatch;

mod activity;
mod approvals;
mod authorization_sessions;
pub mod browser_sessions;
mod canary;
mod client;
mod client_sessions;
mod clocked;
pub mod connectors;
pub mod credentials;
mod database;
pub mod error;
mod grant_secrets;
pub mod grants;
mod headers;
mod listen;
mod migrate;
pub mod notify;
mod open;
pub mod personal_tokens;
pub mod registrations;
mod reseal;
pub mod revocations;
mod rows;
pub mod seal;
mod sealed;
mod serve_lock;
pub mod service_keys;
mod tool_descriptors;
pub mod tool_lists;
mod tool_modes;
mod transaction;
mod users;

pub use activity::ActivityOf;
pub use browser_sessions::{BrowserSession, BrowserSessionKind};
pub use connectors::{ChangedConnector, ConnectorUpdate, HeaderEdit, SecretEdit};
pub use credentials::StoredCredential;
pub use database::Database;
pub use error::Error;
pub use grants::{GrantFacts, RefreshedTokens};
pub use notify::Change;
pub use open::Options;
pub use personal_tokens::PersonalToken;
pub use registrations::RegistrationScope;
pub use reseal::Resealed;
pub use revocations::Revocation;
pub use seal::{DerivedKey, KeyRing, KeyRingError};
pub use serve_lock::ServeLock;
pub use service_keys::ServiceKeyRow;
pub use tool_lists::ToolList;
