//! What is known of MCP servers and of authorization servers beforehand: presets to pick from, clients
//! that an operator registered by hand, and exceptions that somebody looked at. Ours is built in; the
//! operator's file adds to it and replaces entries by name.

mod check;
mod read;
mod section;
#[cfg(test)]
mod tests;

use keyway_oauth::discovery::Exception;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

const BUILT_IN: &str = include_str!("catalog/presets.toml");

/// Presets and issuers.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    presets: Vec<Preset>,
    issuers: Vec<Issuer>,
    exceptions: Vec<Exception>,
}

/// An MCP server to pick from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in the file.
    pub id: String,
    /// Its name to people.
    pub name: String,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// The MCP endpoint.
    pub url: String,
    /// A letter, an emoji, or an image as a `data:` URI.
    pub icon: Option<String>,
    /// The scopes that a connector made from it asks for, where the server does not say.
    pub scopes: Vec<String>,
    /// Where people register a client by hand, if the server takes no others.
    pub registration_help_url: Option<String>,
}

/// What a preset needs of people before they can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetClient {
    /// Nothing: Keyway registers itself, or no sign-in is needed.
    NoneNeeded,
    /// Nothing: the operator gave a client.
    Provided,
    /// A client that they register themselves.
    ByHand,
}

/// What is known of an authorization server.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The issuer, byte for byte, as protected resources name it.
    pub issuer: String,
    /// The client that the operator registered there.
    pub client: Option<CatalogClient>,
    /// The origins of the MCP servers for which the client and the resource mode are.
    pub origins: Vec<String>,
    /// Further parameters of authorization requests.
    pub parameters: Vec<(String, String)>,
    /// Whether and how the resource is named.
    pub resource: ResourceMode,
    /// What is allowed against the rules.
    pub exception: Exception,
}

/// A client that the operator registered by hand.
#[derive(Clone, Debug)]
pub struct CatalogClient {
    /// The client identifier.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<SecretString>,
    /// How it authenticates; not given, as the server's metadata offers.
    pub token_endpoint_auth_method: Option<String>,
    /// All that may ever be asked for with it.
    pub scopes: Vec<String>,
}

/// Whether and how requests name the resource (RFC 8707).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ResourceMode {
    /// As the protected resource publishes it.
    #[default]
    Send,
    /// Not at all.
    Omit,
    /// This, word for word.
    Override(String),
}

/// One mistake in a catalog.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {advice}")]
pub struct CatalogError {
    /// Where, counted from 1.
    pub line: usize,
    /// What to write instead. Holds no values of secrets.
    pub advice: String,
}

impl Catalog {
    /// The catalog that comes with Keyway.
    ///
    /// # Errors
    /// Every mistake in it; a test holds that there is none.
    pub fn built_in() -> Result<Self, Vec<CatalogError>> {
        read::catalog(BUILT_IN, &|_| Err("files are not read here".to_owned()))
    }

    /// The built-in catalog with the operator's laid over it. `open` reads a file that the text names
    /// (`client_secret_file`).
    ///
    /// # Errors
    /// Every mistake in the text.
    pub fn with_file(
        text: &str,
        open: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<CatalogError>> {
        let mut catalog = Self::built_in()?;
        let own = read::catalog(text, open)?;
        for preset in own.presets {
            match catalog.presets.iter_mut().find(|known| known.id == preset.id) {
                Some(known) => *known = preset,
                None => catalog.presets.push(preset),
            }
        }
        catalog.issuers.retain(|known| own.issuers.iter().all(|own| own.issuer != known.issuer));
        catalog.issuers.extend(own.issuers);
        Ok(Self::new(catalog.presets, catalog.issuers))
    }

    fn new(presets: Vec<Preset>, issuers: Vec<Issuer>) -> Self {
        let exceptions = issuers.iter().map(|issuer| issuer.exception.clone());
        let used =
            |exception: &Exception| exception.accepted_issuer.is_some() || exception.missing_s256;
        Self { exceptions: exceptions.filter(used).collect(), presets, issuers }
    }

    /// The presets, in the order of the files.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// The exceptions for discovery.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// What a preset needs of people.
    pub fn client_of(&self, preset: &Preset) -> PresetClient {
        let provided = |issuer: &Issuer| issuer.client.is_some() && issuer.is_for(&preset.url);
        if self.issuers.iter().any(provided) {
            PresetClient::Provided
        } else if preset.registration_help_url.is_some() {
            PresetClient::ByHand
        } else {
            PresetClient::NoneNeeded
        }
    }

    /// The operator's client at `issuer` for the MCP server at `mcp_url`. Both must fit: a server names
    /// its issuer itself, and a hostile one would name a well-known one to be given its tokens.
    pub fn client(&self, issuer: &str, mcp_url: &str) -> Option<&CatalogClient> {
        self.issuers_named(issuer).find(|known| known.is_for(mcp_url))?.client.as_ref()
    }

    /// Further parameters of authorization requests to `issuer`.
    pub fn parameters(&self, issuer: &str) -> Vec<(String, String)> {
        self.issuers_named(issuer).next().map(|known| known.parameters.clone()).unwrap_or_default()
    }

    /// The resource that requests to `issuer` name for the MCP server at `mcp_url`, which would be
    /// `published`. Naming another or none widens what a token is good for, so that it holds only for
    /// the origins of the entry.
    pub fn resource(&self, issuer: &str, mcp_url: &str, published: String) -> Option<String> {
        let entry = self.issuers_named(issuer).find(|known| known.is_for(mcp_url));
        match entry.map(|entry| &entry.resource) {
            Some(ResourceMode::Omit) => None,
            Some(ResourceMode::Override(resource)) => Some(resource.clone()),
            Some(ResourceMode::Send) | None => Some(published),
        }
    }

    /// The entries for an issuer, in either of its spellings.
    fn issuers_named(&self, issuer: &str) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter().filter(move |known| {
            known.issuer == issuer || known.exception.accepted_issuer.as_deref() == Some(issuer)
        })
    }
}

impl CatalogClient {
    /// What of `wanted` may be asked for; all that it may, where nothing of it may: asking for nothing
    /// would leave the choice to the server.
    pub fn capped(&self, wanted: &[String]) -> Vec<String> {
        let within = wanted.iter().filter(|scope| self.scopes.contains(scope));
        let within: Vec<String> = within.cloned().collect();
        if within.is_empty() { self.scopes.clone() } else { within }
    }
}

impl Issuer {
    fn is_for(&self, mcp_url: &str) -> bool {
        let origin = Url::parse(mcp_url).map(|url| url.origin().ascii_serialization());
        origin.is_ok_and(|origin| self.origins.contains(&origin))
    }
}
