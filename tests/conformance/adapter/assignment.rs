//! What the suite tells its client, by the last argument and by environment variables, as settings of a
//! connector. A scenario's name means nothing here except for the grant type.

use std::env;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

/// One scenario as a client sees it.
pub(crate) struct Assignment {
    /// The running Keyway.
    pub(crate) keyway: String,
    /// The calls to make; every listed tool where there are none.
    pub(crate) tool_calls: Option<Vec<ToolCall>>,
    server: String,
    protocol_version: Option<String>,
    without_person: bool,
    context: Value,
}

/// A call that the suite wants.
#[derive(Deserialize)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

impl Assignment {
    /// Reads what the runner said.
    #[expect(
        clippy::disallowed_methods,
        reason = "the adapter is no part of the configured product"
    )]
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let server = env::args().next_back().filter(|last| last.starts_with("http"));
        let context = env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_else(|_| "{}".to_owned());
        let mut context: Value =
            serde_json::from_str(&context).context("MCP_CONFORMANCE_CONTEXT is not JSON")?;
        let tool_calls = context.get_mut("toolCalls").map(Value::take);
        Ok(Self {
            keyway: env::var("KEYWAY_URL").context("KEYWAY_URL names no running Keyway")?,
            server: server.context("the last argument is the server's URL")?,
            protocol_version: env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").ok(),
            without_person: env::var("MCP_CONFORMANCE_SCENARIO")
                .is_ok_and(|name| name.contains("client-credentials")),
            tool_calls: tool_calls.map(serde_json::from_value).transpose()?,
            context,
        })
    }

    /// The connector to create.
    pub(crate) fn connector(&self) -> Value {
        let mut connector =
            json!({"url": self.server, "pinned_protocol_version": self.protocol_version});
        if let Some(oauth) = self.oauth() {
            connector["auth_type"] = json!("oauth");
            connector["oauth"] = oauth;
        }
        connector
    }

    /// The OAuth settings that follow from the credentials in the context.
    fn oauth(&self) -> Option<Value> {
        let given = |name: &str| self.context.get(name).filter(|value| !value.is_null());
        let client_id = given("client_id")?;
        let mut oauth = json!({"client_id": client_id});
        if given("idp_id_token").is_some() {
            oauth["grant"] = json!("enterprise_managed");
        } else if let Some(assertion) = given("valid_jwt") {
            oauth["grant"] = json!("workload_identity");
            oauth["assertion"] = assertion.clone();
        } else if self.without_person {
            oauth["grant"] = json!("client_credentials");
        }
        let same = ["client_secret", "signing_algorithm"];
        let idp = ["idp_issuer", "idp_client_id", "idp_token_endpoint", "idp_id_token"];
        for name in same.into_iter().chain(idp) {
            if let Some(value) = given(name) {
                oauth[name] = value.clone();
            }
        }
        if let Some(key) = given("private_key_pem") {
            oauth["private_key"] = key.clone();
        }
        Some(oauth)
    }
}
