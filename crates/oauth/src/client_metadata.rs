//! The Client ID Metadata Document: a client whose id is the https address of its own description.

use serde_json::{Value, json};

use crate::{client_auth::NONE, registration::application_type};

/// The document to serve at `client_id_url`, which is the client id, character for character. The client
/// is a public one with codes and refresh tokens.
///
/// ```
/// let id = "https://keyway.example/oauth/client-metadata.json";
/// let callback = "https://keyway.example/oauth/callback";
/// let document = keyway_oauth::client_metadata::document(id, &[callback], "Keyway", None);
/// assert_eq!(document["client_id"], id);
/// assert_eq!(document["application_type"], "web");
/// ```
pub fn document(
    client_id_url: &str,
    redirect_uris: &[&str],
    client_name: &str,
    client_uri: Option<&str>,
) -> Value {
    let mut document = json!({
        "client_id": client_id_url,
        "client_name": client_name,
        "redirect_uris": redirect_uris,
        "application_type": redirect_uris.first().map_or("web", |uri| application_type(uri)),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": NONE,
    });
    if let Some(client_uri) = client_uri {
        document["client_uri"] = client_uri.into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_all_that_servers_ask_for() {
        let callback = "http://localhost:8420/oauth/callback";
        let document =
            document("https://k.example/id", &[callback], "K", Some("https://k.example"));
        assert_eq!(
            document,
            json!({
                "client_id": "https://k.example/id",
                "client_name": "K",
                "client_uri": "https://k.example",
                "redirect_uris": [callback],
                "application_type": "native",
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            })
        );
    }
}
