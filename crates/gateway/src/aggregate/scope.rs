//! Which connectors an address of the aggregate endpoint means, and under which names.

use std::fmt;

use keyway_connectors::registry;
use keyway_model::{Caller, Connector, ConnectorKey, Slug};

use crate::{
    error::{Error, Result},
    gateway::Gateway,
};

/// Which of the caller's connectors are served as one, and how.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    connectors: Option<Vec<ConnectorKey>>,
    plain: Option<ConnectorKey>,
}

impl Scope {
    /// Reads the query: `connectors`, ids or slugs with commas between them; `names`, which may be
    /// `plain` for a single connector, whose names then stay as they are.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub fn read(connectors: Option<&str>, names: Option<&str>) -> Result<Self> {
        let invalid = |words: &str| Error::InvalidRequest(words.to_owned());
        let connectors = match connectors {
            None => None,
            Some(text) => {
                let keys: Result<Vec<ConnectorKey>, _> =
                    text.split(',').map(|key| key.trim().parse()).collect();
                Some(keys.map_err(|_| invalid("\"connectors\" holds ids or slugs, with commas"))?)
            }
        };
        let plain = match (names, connectors.as_deref()) {
            (None | Some("prefixed"), _) => None,
            (Some("plain"), Some([only])) => Some(only.clone()),
            (Some("plain"), _) => {
                return Err(invalid(
                    "\"names=plain\" needs exactly one connector in \"connectors\"",
                ));
            }
            (Some(_), _) => return Err(invalid("\"names\" is \"plain\" or left out")),
        };
        Ok(Self { connectors, plain })
    }

    /// The one connector whose names stay as they are.
    pub(super) fn plain(&self) -> Option<&ConnectorKey> {
        self.plain.as_ref()
    }

    fn holds(&self, connector: &Connector) -> bool {
        let meant = |key: &ConnectorKey| match key {
            ConnectorKey::Id(id) => *id == connector.id,
            ConnectorKey::Slug(slug) => *slug == connector.slug,
        };
        self.connectors.as_ref().is_none_or(|keys| keys.iter().any(meant))
    }

    /// The caller's connectors that are meant and switched on, by slug.
    pub(super) async fn members(
        &self,
        gateway: &Gateway,
        caller: &Caller,
    ) -> Result<Vec<Connector>> {
        let views = registry::list(&gateway.cx, caller).await?;
        let connectors = views.into_iter().map(|view| view.connector);
        let mut members: Vec<_> =
            connectors.filter(|connector| connector.enabled && self.holds(connector)).collect();
        members.sort_by(|a, b| a.slug.as_str().cmp(b.slug.as_str()));
        Ok(members)
    }

    /// Whether the connector of that slug is meant; without a query where the address names slugs.
    pub(super) async fn admits(
        &self,
        gateway: &Gateway,
        caller: &Caller,
        slug: &Slug,
    ) -> Result<bool> {
        let Some(keys) = &self.connectors else { return Ok(true) };
        if keys.contains(&ConnectorKey::Slug(slug.clone())) {
            return Ok(true);
        }
        if keys.iter().all(|key| matches!(key, ConnectorKey::Slug(_))) {
            return Ok(false);
        }
        let members = self.members(gateway, caller).await?;
        Ok(members.iter().any(|member| member.slug == *slug))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in self.connectors.iter().flatten() {
            match key {
                ConnectorKey::Id(id) => write!(f, "{id},")?,
                ConnectorKey::Slug(slug) => write!(f, "{slug},")?,
            }
        }
        f.write_str(if self.plain.is_some() { ";plain" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_need_a_single_connector() {
        assert!(Scope::read(Some("notes"), Some("plain")).unwrap().plain().is_some());
        assert!(Scope::read(Some("notes, mail"), None).is_ok());
        for (connectors, names) in [
            (None, Some("plain")),
            (Some("a,b"), Some("plain")),
            (Some("a"), Some("short")),
            (Some("No Slug"), None),
            (Some(""), None),
        ] {
            assert!(Scope::read(connectors, names).is_err(), "{connectors:?} {names:?}");
        }
    }
}
