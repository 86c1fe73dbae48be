//! The caller's connectors as one MCP server (`/mcp`), on every wire: Streamable HTTP with a handshake
//! (2024-11-05 … 2025-11-25) and without (2026-07-28). Each hop negotiates alone; results, schemas and
//! arguments pass as raw values.

mod about;
mod answer;
mod asking;
mod client;
mod hearing;
mod listening;
mod listing;
mod message;
mod names;
mod outcome;
pub(crate) mod parked;
mod relay;
mod rounds;
mod scope;
mod serving;
mod session;
mod target;

pub use self::{
    answer::{Body, Response},
    scope::Scope,
    serving::{AggregateRequest, serve},
};
pub(crate) use self::{listening::Listening, session::Clients};
