//! A user's connectors as a file, and back: to another Keyway, to and from MCP clients. Tokens stay where
//! they are; whoever imports a connector signs in again.

use std::time::Duration;

use keyway_model::{
    AuthType, Caller, Connector, ConnectorKey, GrantSecret, OAuthSettings, Slug, Timestamp,
};
use keyway_storage::StoredCredential;
use secrecy::SecretString;

use crate::{
    context::Context,
    error::{Error, Result},
    mcp_json::{self, Entry, Server},
    registry::{self, NewConnector, NewOAuth},
};

/// Whether a file holds secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// It can be shown around.
    LeftOut,
    /// It holds header values, client secrets, private keys and assertions in plain text.
    Included,
}

/// The file of a user's connectors.
pub struct Exported {
    /// The file.
    pub file: SecretString,
    /// What is not in it, in words, by connector.
    pub left_out: Vec<(Slug, String)>,
}

/// Writes the caller's connectors down.
///
/// # Errors
/// [`Error::Storage`], also where a secret that is asked for does not open.
pub async fn export(cx: &Context, caller: &Caller, secrets: Secrets) -> Result<Exported> {
    let (mut servers, mut left_out) = (Vec::new(), Vec::new());
    for view in registry::list(cx, caller).await? {
        let key = ConnectorKey::Id(view.connector.id);
        // It may have been deleted meanwhile.
        let Some(stored) = cx.database.credential(&caller.user, &key).await? else { continue };
        let slug = stored.connector.slug.clone();
        let held = held_secrets(cx, &stored.connector).await?;
        let missing = left_out_of(&stored, &held, secrets);
        if !missing.is_empty() {
            left_out.push((slug.clone(), missing.join(", ")));
        }
        servers.push((slug, server(stored, held, secrets)?));
    }
    Ok(Exported { file: mcp_json::write(servers)?, left_out })
}

/// The secrets of its OAuth settings.
async fn held_secrets(cx: &Context, connector: &Connector) -> Result<NewOAuth> {
    let (user, id) = (&connector.user_id, connector.id);
    let mut secrets = cx.database.grant_secrets(user, id).await?;
    Ok(NewOAuth {
        client_secret: cx.database.client_secret(user, id).await?,
        private_key: secrets.remove(&GrantSecret::PrivateKey),
        assertion: secrets.remove(&GrantSecret::Assertion),
        idp_id_token: secrets.remove(&GrantSecret::IdpIdToken),
        ..NewOAuth::default()
    })
}

fn left_out_of(stored: &StoredCredential, held: &NewOAuth, secrets: Secrets) -> Vec<String> {
    let connector = &stored.connector;
    let mut missing = Vec::new();
    if secrets == Secrets::LeftOut {
        let values = connector.header_names.iter().map(|name| format!("the value of {name}"));
        missing.extend(values);
        let names = [
            (&held.client_secret, "the client secret"),
            (&held.private_key, "the private key"),
            (&held.assertion, "the assertion"),
            (&held.idp_id_token, "the id token"),
        ];
        let names = names.into_iter().filter(|(secret, _)| secret.is_some());
        missing.extend(names.map(|(_, name)| name.to_owned()));
    }
    if !matches!(stored.grant, Ok(None)) {
        missing.push("the tokens of its sign-in".to_owned());
    }
    if connector.tool_modes.restrict() {
        missing.push("what its tools may do".to_owned());
    }
    missing
}

fn server(stored: StoredCredential, held: NewOAuth, secrets: Secrets) -> Result<Server> {
    let connector = stored.connector;
    let (headers, to_enter) = match secrets {
        Secrets::Included => (stored.headers?, Vec::new()),
        Secrets::LeftOut => (Vec::new(), connector.header_names),
    };
    let held = if secrets == Secrets::Included { held } else { NewOAuth::default() };
    let is_oauth = connector.auth_type == AuthType::OAuth;
    let connector = NewConnector {
        url: connector.url,
        name: Some(connector.name),
        slug: Some(connector.slug.to_string()),
        auth_type: Some(connector.auth_type),
        headers,
        oauth: is_oauth.then(|| settings(connector.oauth, held)),
        pinned_protocol_version: connector.pinned_protocol_version,
        enabled: Some(connector.enabled),
        read_only: connector.read_only,
    };
    Ok(Server { connector, to_enter })
}

fn settings(settings: OAuthSettings, secrets: NewOAuth) -> NewOAuth {
    NewOAuth {
        grant: Some(settings.grant),
        client_id: settings.client_id,
        token_endpoint_auth_method: settings.token_endpoint_auth_method,
        scopes: (!settings.scopes.is_empty()).then_some(settings.scopes),
        signing_algorithm: settings.signing_algorithm,
        idp_issuer: settings.idp.issuer,
        idp_client_id: settings.idp.client_id,
        idp_token_endpoint: settings.idp.token_endpoint,
        ..secrets
    }
}

/// The distance of instants that can be told apart.
const A_MOMENT: Duration = Duration::from_millis(1);

/// An import under way. What the user had before it stays as it is.
pub struct Import<'a> {
    cx: &'a Context,
    caller: &'a Caller,
    before: Vec<Connector>,
    /// The next one is made after this, since connectors are listed by when they were made.
    last_made_at: Timestamp,
}

/// What became of one server of the file.
pub enum Outcome {
    /// It is a connector now.
    Made {
        /// The connector.
        connector: Box<Connector>,
        /// The headers that it still needs a value for.
        to_enter: Vec<String>,
    },
    /// The user has it already; the text says as what.
    Skipped(String),
    /// It cannot be one; the text says why.
    Refused(String),
}

impl<'a> Import<'a> {
    /// Begins an import for the caller.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn begin(cx: &'a Context, caller: &'a Caller) -> Result<Self> {
        let before = cx.database.connectors_of(&caller.user).await?;
        Ok(Self { cx, caller, before, last_made_at: Timestamp::from_millis(0) })
    }

    /// Makes a connector of one server, by the rules of [`registry::create`], unless the user had one of
    /// its name or its URL before. A server that Keyway wrote is known by its slug alone, since several
    /// connectors may share a name.
    ///
    /// # Errors
    /// [`Error::Storage`] and [`Error::Internal`]; everything else is an [`Outcome`].
    pub async fn take(&mut self, entry: Entry) -> Result<Outcome> {
        let Server { connector: new, to_enter } = match entry.server {
            Ok(server) => server,
            Err(why) => return Ok(Outcome::Refused(why)),
        };
        if let Some(why) = self.known(&new, &entry.name) {
            return Ok(Outcome::Skipped(why));
        }
        self.last_made_at = self.cx.clock.now().max(self.last_made_at.plus(A_MOMENT));
        match registry::create_at(self.cx, self.caller, new, self.last_made_at).await {
            Ok(made) => Ok(Outcome::Made { connector: Box::new(made.connector), to_enter }),
            Err(error @ (Error::Storage(_) | Error::Internal(_))) => Err(error),
            Err(error) => Ok(Outcome::Refused(error.to_string())),
        }
    }

    fn known(&self, new: &NewConnector, name: &str) -> Option<String> {
        let is_called_so = |old: &&Connector| match &new.slug {
            Some(slug) => old.slug.as_str() == slug,
            None => old.slug.as_str() == name || old.name == name,
        };
        let same_name = self.before.iter().find(is_called_so);
        let same_url = self.before.iter().find(|old| old.url == new.url);
        match (same_name, same_url) {
            (Some(old), _) => Some(format!("there is a connector {} already", old.slug)),
            (None, Some(old)) => Some(format!("its URL is that of the connector {}", old.slug)),
            (None, None) => None,
        }
    }
}
