//! What every use case is given: the database, the way out, the time, the randomness, the keys.

use std::{ops::Deref, sync::Arc};

use keyway_model::{Clock, ConnectorId, Random};
use keyway_oauth::state::StateKey;
use keyway_storage::Database;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::{
    access_token::Credentials,
    audit::Audit,
    catalog::Catalog,
    clients::{ClientKeys, Registering},
    dpop::Nonces,
    egress::{Egress, is_loopback_host},
    refresh::Flights,
    upstream::Elicitation,
};

/// Decisions of the operator that use cases depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where browsers and authorization servers find Keyway.
    pub public_url: PublicUrl,
    /// Whether there is one user, on this machine, who needs no proof.
    pub single_user: bool,
    /// Who shares a dynamic registration.
    pub registration: RegistrationMode,
    /// The client id for servers that take metadata documents, if it can be fetched by them.
    pub client_metadata_url: Option<String>,
    /// What a server that asks for input is answered when nobody is behind the call.
    pub elicitation: Elicitation,
    /// What is known of servers beforehand.
    pub catalog: Arc<Catalog>,
    /// The origins that may embed the page and be told the outcome of a sign-in.
    pub host_origins: Vec<String>,
}

impl Settings {
    /// Whether the origin is a page of Keyway's own. One user on this machine may have opened it under
    /// another name of the machine's.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        let own = self.public_url.as_url();
        let same_machine = |url: &Url| {
            is_loopback_host(url) && url.scheme() == own.scheme() && url.port() == own.port()
        };
        origin == self.public_url.origin()
            || (self.single_user && Url::parse(origin).is_ok_and(|url| same_machine(&url)))
    }
}

/// Who shares a dynamic registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Each connector has its own, so that servers with one grant per client sign nobody else out.
    PerConnector,
    /// All connectors of one issuer share one.
    PerIssuer,
}

/// Keyway's own origin: scheme, host and port without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    url: Url,
}

impl PublicUrl {
    /// Takes the origin of the URL.
    pub fn new(url: Url) -> Self {
        Self { origin: url.origin().ascii_serialization(), url }
    }

    /// The origin as browsers write it, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Whether browsers reach Keyway by https, so that cookies can be `__Host-`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address of a path of Keyway's own, which starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The page of Keyway's own on which a person can help a connector; it checks who is looking.
    pub fn sign_in_url(&self, connector: ConnectorId) -> String {
        self.at(&format!("/#sign-in={connector}"))
    }
}

/// The parts from which a context is made.
pub struct Parts {
    /// The database; its queries count as made for a request.
    pub database: Database,
    /// The way out.
    pub egress: Egress,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    /// The keys that sign the state; the first one signs.
    pub state_keys: Vec<StateKey>,
    /// The keys that sign as a client.
    pub client_keys: ClientKeys,
    /// The operator's decisions.
    pub settings: Settings,
}

/// What every use case is given. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// The inside of a [`Context`].
pub struct Inner {
    /// The database; its queries count as made for a request.
    pub database: Database,
    /// The same database; its queries count as made in the background.
    pub background: Database,
    /// The way out.
    pub egress: Egress,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    /// The keys that sign the state; the first one signs.
    pub state_keys: Vec<StateKey>,
    pub(crate) client_keys: ClientKeys,
    /// The operator's decisions.
    pub settings: Settings,
    /// Work that outlives the request that wanted it; the process waits for it before it ends.
    pub tasks: TaskTracker,
    /// The ready-made credentials of connectors in use.
    pub credentials: Credentials,
    pub(crate) flights: Flights,
    pub(crate) audit: Audit,
    /// Told when there is something to revoke.
    pub(crate) revoking: Notify,
    pub(crate) registering: Registering,
    pub(crate) nonces: Nonces,
}

impl Context {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let (registering, nonces) = (Registering::new(&parts.clock), Nonces::new(&parts.clock));
        Self(Arc::new(Inner {
            background: parts.database.for_background(),
            database: parts.database,
            egress: parts.egress,
            clock: parts.clock,
            random: parts.random,
            state_keys: parts.state_keys,
            client_keys: parts.client_keys,
            settings: parts.settings,
            tasks: TaskTracker::new(),
            credentials: Credentials::default(),
            flights: Flights::default(),
            audit: Audit::default(),
            revoking: Notify::new(),
            registering,
            nonces,
        }))
    }

    /// Gives back the memory of what nobody asked for lately.
    pub fn drop_old(&self) {
        self.credentials.forget_unused(self.clock.now());
        self.registering.drop_old();
        self.nonces.drop_old();
    }
}

impl Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
