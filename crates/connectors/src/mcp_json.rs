//! `mcp.json`, the file in which people keep their MCP servers. The clients that write it spell it in
//! several ways, and all are read; one is written. It touches neither database nor network.

mod members;
mod read;
#[cfg(test)]
mod tests;
mod write;

use thiserror::Error;

use self::members::Keyway;
pub use self::{read::read, write::write};
use crate::registry::NewConnector;

/// One server of the file.
pub struct Entry {
    /// Its name in the file.
    pub name: String,
    /// What to make of it, or why that cannot be done and what to do about it.
    pub server: Result<Server, String>,
}

/// A server that can be a connector.
pub struct Server {
    /// The connector, with the header values that the file holds.
    pub connector: NewConnector,
    /// The headers whose values the file leaves to be entered, as `${NAME}`.
    pub to_enter: Vec<String>,
}

/// Why a text is not such a file.
#[derive(Debug, Error)]
pub enum Malformed {
    /// It is not JSON.
    #[error(
        "this is not JSON (line {line}, column {column}); take out comments and trailing commas"
    )]
    NotJson {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// It is JSON, and lists no servers.
    #[error(
        "there are no servers in it: write {{\"mcpServers\": {{\"name\": {{\"url\": \"https://…\"}}}}}}"
    )]
    NoServers,
}
