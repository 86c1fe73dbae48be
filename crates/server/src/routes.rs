//! The handlers, one file for each part of the API. A handler extracts, calls one function and answers.

pub(crate) mod activity;
pub(crate) mod approvals;
pub(crate) mod catalog;
pub(crate) mod connectors;
pub(crate) mod mcp;
mod oauth_answers;
pub(crate) mod oauth_pages;
pub(crate) mod operations;
pub(crate) mod personal_tokens;
pub(crate) mod probe;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod tools;
pub(crate) mod users;
