//! The harness of Keyway's whole-product tests: scripted servers that play the world outside, the
//! product started in-process or as a process of its own, and the people and hosts that use it.
//!
//! A scripted server does everything right until a test changes its script, and writes down every
//! request. Nothing here sleeps to let time pass: servers have gates, clocks are moved by hand.

#![expect(clippy::missing_panics_doc, reason = "a harness panics in order to fail the test")]

pub mod api;
pub mod authorization_server;
pub mod browser;
pub mod client;
pub mod collector;
mod dpop;
pub mod fault;
pub mod gate;
pub mod keyway;
pub mod log;
pub mod mcp_client;
pub mod mcp_server;
mod merge;
pub mod metrics;
#[path = "../../crates/storage/tests/postgres.rs"]
pub mod postgres;
pub mod process;
mod random;
pub mod raw_client;
pub mod raw_server;
pub mod scene;
pub mod serving;
pub mod settings;
pub mod tls;
pub mod until;
pub mod wire_client;
