//! The parameters of a request as the wire wants them. What belongs to one hop is written anew for the
//! next: version, capabilities, name, log level, and the token of progress.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Era, Failure, Peer, RawObject, client_info, raw};

const META: &str = "_meta";
const PROGRESS_TOKEN: &str = "progressToken";
/// Where a call names the approval that a person gave; it is for Keyway alone.
pub const APPROVAL: &str = "keyway/approval";
const OF_HOP: [&str; 6] = [
    APPROVAL,
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/subscriptionId",
];

/// The parameters of one request, and how its progress is told.
#[derive(Default)]
pub(super) struct Outgoing {
    /// `None` where there are none.
    pub(super) params: Option<RawObject>,
    /// The token of whoever asked, where it wants to hear of progress; the server is given the request's
    /// own id, which no other request in this process has.
    pub(super) progress_token: Option<Box<RawValue>>,
}

impl Outgoing {
    /// Writes the parameters for the wire.
    pub(super) fn new(
        era: &Era,
        peer: &dyn Peer,
        mut params: RawObject,
        id: u64,
    ) -> Result<Self, Failure> {
        let mut meta = params.object(META).unwrap_or_default();
        meta.retain(|name| !OF_HOP.contains(&name));
        let progress_token = meta.get(PROGRESS_TOKEN).map(ToOwned::to_owned);
        if progress_token.is_some() {
            meta.write(PROGRESS_TOKEN, &id)?;
        }
        if let Era::Stateless { version } = era {
            meta.write("io.modelcontextprotocol/protocolVersion", version)?;
            let capabilities = peer.capabilities().document();
            meta.write("io.modelcontextprotocol/clientCapabilities", &capabilities)?;
            meta.write("io.modelcontextprotocol/clientInfo", &client_info())?;
            if let Some(level) = peer.log_level() {
                meta.write("io.modelcontextprotocol/logLevel", &level)?;
            }
        }
        if meta.is_empty() {
            params.remove(META);
        } else {
            params.set(META, meta.to_raw()?);
        }
        Ok(Self { params: (!params.is_empty()).then_some(params), progress_token })
    }

    /// Whether a notification is for whoever asked; of progress only its own, whose token it then has.
    pub(super) fn hears(&self, id: u64, method: &str, params: &mut Option<Box<RawValue>>) -> bool {
        if method != "notifications/progress" {
            return true;
        }
        let Some(token) = &self.progress_token else { return false };
        let Some(mut told) = params.as_deref().and_then(RawObject::of) else { return false };
        if !told.read::<Token>(PROGRESS_TOKEN).is_some_and(|token| token.is(id)) {
            return false;
        }
        told.set(PROGRESS_TOKEN, token.clone());
        *params = raw(&told).ok();
        true
    }
}

/// A token of progress; some servers give a number back as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Number(u64),
    Text(String),
}

impl Token {
    fn is(&self, id: u64) -> bool {
        match self {
            Self::Number(number) => *number == id,
            Self::Text(text) => *text == id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::upstream::{Elicitation, Nobody};

    fn outgoing(era: &Era, params: &serde_json::Value) -> Outgoing {
        let params = RawObject::of(&raw(params).unwrap()).unwrap();
        Outgoing::new(era, &Nobody(Elicitation::Decline), params, 7).unwrap()
    }

    fn handshake() -> Era {
        Era::Handshake { version: Some("2025-11-25".into()), session: None }
    }

    #[test]
    fn what_belongs_to_the_other_hop_is_not_handed_on() {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "other", "version": "1" },
            "keyway/approval": "01a1fe04-b229-74eb-a7a6-b3ca399b3747",
            "traceparent": "00-1-2-01",
        });
        let sent =
            outgoing(&handshake(), &json!({ "name": "echo", "_meta": meta })).params.unwrap();
        assert_eq!(sent.get("_meta").unwrap().get(), r#"{"traceparent":"00-1-2-01"}"#);
        let era = Era::Stateless { version: "2026-07-28".into() };
        let sent = outgoing(&era, &json!({ "_meta": meta })).params.unwrap();
        let meta = sent.object("_meta").unwrap();
        let info = meta.object("io.modelcontextprotocol/clientInfo").unwrap();
        assert_eq!(info.text("name").unwrap(), "keyway");
        assert!(outgoing(&handshake(), &json!({})).params.is_none());
    }

    #[test]
    fn progress_is_told_under_the_token_of_whoever_asked() {
        let out = outgoing(&handshake(), &json!({ "_meta": { "progressToken": "mine" } }));
        let meta = out.params.as_ref().unwrap().object("_meta").unwrap();
        assert_eq!(meta.get("progressToken").unwrap().get(), "7");
        let told = |token: serde_json::Value| {
            let mut params = raw(&json!({ "progressToken": token, "progress": 1 })).ok();
            out.hears(7, "notifications/progress", &mut params).then(|| params.unwrap())
        };
        let heard = told(json!(7)).unwrap();
        assert_eq!(heard.get(), r#"{"progress":1,"progressToken":"mine"}"#);
        assert!(told(json!("7")).is_some());
        assert!(told(json!(8)).is_none(), "another request's");
    }
}
