//! Keyway's use cases: add a connector, sign in, keep its token fresh, sign out. Everything here takes
//! the [`Context`] first and names the caller; nothing here knows routes, statuses or pages.
//!
//! [`DbOAuthProvider`] holds the OAuth side of one connector together. [`access_token`] is the way a
//! call gets its credential, [`egress`] the only way anything leaves the process.

pub mod access_token;
mod accounts;
pub mod audit;
pub mod callback;
pub mod catalog;
pub mod cleanup;
mod clients;
pub mod contact;
pub mod context;
pub mod diagnosis;
pub mod dpop;
pub mod egress;
pub mod error;
mod exchange;
pub mod kept;
pub mod launch;
pub mod mcp_json;
mod patience;
pub mod probe;
pub mod provider;
mod refresh;
pub mod registry;
pub mod revocations;
pub mod sign_in;
pub mod sign_out;
mod tokens;
pub mod trace;
pub mod transfer;
mod unattended;
pub mod upstream;
pub mod users;
mod validate;

pub use clients::{ClientKeys, client_key_set, client_metadata_document};
pub use context::{Context, Parts, PublicUrl, RegistrationMode, Settings};
pub use error::{Error, Result};
pub use keyway_storage::Change;
pub use provider::{DbOAuthProvider, Mode};
