//! MCP in both directions. [`proxy`] hands one connector through, byte for byte; [`tools`] lists and
//! calls the tools of all of a user's connectors over a small client of Keyway's own. Credentials come
//! from `keyway_connectors`; nothing here knows how they were obtained.

mod activity;
pub mod aggregate;
pub mod attention;
mod catalogue;
pub mod changes;
mod channels;
mod client;
mod conversation;
pub mod error;
pub mod gateway;
mod health;
mod names;
mod parameters;
pub mod policy;
pub mod proxy;
mod retry;
pub mod session;
pub mod tools;
mod waiting;

pub use error::{Error, Response, Result};
pub use gateway::Gateway;
pub use keyway_connectors::egress::Body;
