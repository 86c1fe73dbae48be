//! The storage suite: every query function is run on both databases.
#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

mod activity;
mod approvals;
mod authorization_sessions;
mod bench;
mod browser_sessions;
mod changes;
mod client_sessions;
mod connectors;
mod counting;
mod errors;
mod grants;
mod keys;
mod leases;
mod personal_tokens;
mod postgres;
mod registrations;
mod revocations;
mod schema;
mod service_keys;
mod sqlite_files;
mod tool_descriptors;
mod tool_lists;
mod users;
