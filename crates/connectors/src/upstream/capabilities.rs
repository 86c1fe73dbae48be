//! What a client lets itself be asked for (MCP 2025-11-25 and 2026-07-28, client capabilities), as far as
//! Keyway can hand it on.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use crate::egress::is_loopback_host;

/// What whoever is behind a request can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capabilities {
    /// To fill in a form, or to open an address.
    pub elicitation: Elicitations,
    /// To have a model speak.
    pub sampling: Option<Sampling>,
    /// Which folders it works in.
    pub roots: bool,
    /// To come back for results that take long (the extension `io.modelcontextprotocol/tasks`).
    pub tasks: bool,
}

/// The extension of results that take long.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// How a person can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Elicitations {
    /// With a form.
    pub form: bool,
    /// With an address to open.
    pub url: bool,
}

/// What a model can be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sampling {
    /// Tools.
    pub tools: bool,
    /// The context of other servers.
    pub context: bool,
}

impl Capabilities {
    /// Forms only: what Keyway answers where nobody is behind a call.
    pub const FORMS: Self = Self {
        elicitation: Elicitations { form: true, url: false },
        sampling: None,
        roots: false,
        tasks: false,
    };

    /// Reads what a client declares. An `elicitation` that names no mode means forms.
    pub fn of(declared: &Value) -> Self {
        let elicitation = declared.get("elicitation").and_then(Value::as_object);
        let elicitation = elicitation.map_or_else(Elicitations::default, |modes| {
            let (form, url) = (modes.contains_key("form"), modes.contains_key("url"));
            Elicitations { form: form || !url, url }
        });
        let sampling = declared.get("sampling").and_then(Value::as_object);
        let sampling = sampling.map(|given| Sampling {
            tools: given.contains_key("tools"),
            context: given.contains_key("context"),
        });
        let roots = declared.get("roots").is_some_and(Value::is_object);
        let extensions = declared.get("extensions");
        let tasks = extensions.and_then(|all| all.get(TASKS)).is_some_and(Value::is_object);
        Self { elicitation, sampling, roots, tasks }
    }

    /// What a server is told.
    pub fn document(&self) -> Value {
        let mut told = Map::new();
        match self.elicitation {
            Elicitations { form: true, url: false } => {
                told.insert("elicitation".into(), json!({}));
            }
            Elicitations { form: true, url: true } => {
                told.insert("elicitation".into(), json!({ "form": {}, "url": {} }));
            }
            Elicitations { form: false, url: true } => {
                told.insert("elicitation".into(), json!({ "url": {} }));
            }
            Elicitations { form: false, url: false } => {}
        }
        if let Some(sampling) = self.sampling {
            let mut given = Map::new();
            if sampling.tools {
                given.insert("tools".into(), json!({}));
            }
            if sampling.context {
                given.insert("context".into(), json!({}));
            }
            told.insert("sampling".into(), given.into());
        }
        if self.roots {
            told.insert("roots".into(), json!({}));
        }
        if self.tasks {
            told.insert("extensions".into(), json!({ TASKS: {} }));
        }
        told.into()
    }

    /// Whether a question of this kind may be put.
    pub fn admit(&self, method: &str, params: &Value) -> bool {
        match method {
            "elicitation/create" => match params.get("mode").and_then(Value::as_str) {
                Some("url") => self.elicitation.url && is_safe_to_open(params),
                _ => self.elicitation.form,
            },
            "sampling/createMessage" => self.sampling.is_some(),
            "roots/list" => self.roots,
            _ => false,
        }
    }
}

/// Whether the address that a person is to open is one of the web's, encrypted or on this machine: no
/// script, no file.
fn is_safe_to_open(params: &Value) -> bool {
    let address = params.get("url").and_then(Value::as_str);
    let Some(address) = address.and_then(|text| Url::parse(text).ok()) else { return false };
    let userinfo = !address.username().is_empty() || address.password().is_some();
    !userinfo && (is_web(&address))
}

fn is_web(address: &Url) -> bool {
    match address.scheme() {
        "https" => true,
        "http" => is_loopback_host(address),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_what_is_told_on() {
        for declared in [
            json!({}),
            json!({ "elicitation": {} }),
            json!({ "elicitation": { "url": {} }, "roots": {} }),
            json!({ "extensions": { TASKS: {} } }),
            json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} } }),
        ] {
            assert_eq!(Capabilities::of(&declared).document(), declared);
        }
    }

    #[test]
    fn nobody_is_asked_what_they_did_not_declare() {
        let forms = Capabilities::FORMS;
        assert!(forms.admit("elicitation/create", &json!({ "mode": "form" })));
        assert!(forms.admit("elicitation/create", &json!({})));
        let url = json!({ "mode": "url", "url": "https://a.example/" });
        assert!(!forms.admit("elicitation/create", &url));
        assert!(!forms.admit("sampling/createMessage", &json!({})));
        assert!(!forms.admit("roots/list", &json!({})));
        assert!(!forms.admit("tools/call", &json!({})));
    }

    #[test]
    fn only_an_address_of_the_web_is_opened() {
        let able = Capabilities::of(&json!({ "elicitation": { "url": {} } }));
        for (address, admitted) in [
            ("https://a.example/sign", true),
            ("http://localhost:3000/", true),
            ("http://a.example/", false),
            ("javascript:alert(1)", false),
            ("file:///etc/passwd", false),
            ("https://user@a.example/", false),
            ("data:text/html,x", false),
        ] {
            let params = json!({ "mode": "url", "url": address });
            assert_eq!(able.admit("elicitation/create", &params), admitted, "{address}");
        }
    }
}
