//! What a handler takes out of a request: who calls, from where, and what is asked.

pub(crate) mod browser;
pub(crate) mod caller;
mod cors;
pub(crate) mod json;
pub(crate) mod key;
pub(crate) mod origin;
