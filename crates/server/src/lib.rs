//! The process: configuration, routes, callers, jobs, the command line. Use cases live one floor down;
//! here requests become calls of them, and their results and errors become answers.

pub mod app;
mod assets;
pub mod cli;
pub mod config;
mod documents;
pub mod error;
mod events;
mod extract;
mod forgeries;
mod front;
mod identity;
mod jobs;
mod keys;
mod lifetime;
mod listener;
pub mod openapi;
mod pages;
mod router;
mod routes;
mod state;
mod streams;
pub mod telemetry;
mod traces;

pub use app::{Running, Seams, start};
pub use config::Config;
