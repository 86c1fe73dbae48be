//! The bodies of the API, exactly as its contract writes them, with the schemas of the OpenAPI document.

pub(crate) mod activity;
pub(crate) mod approval;
pub(crate) mod catalog;
pub(crate) mod catalogue;
pub(crate) mod connector;
pub(crate) mod headers;
mod model_api;
pub(crate) mod personal_token;
pub(crate) mod probe;
pub(crate) mod problem;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod tool;
