//! The whole server: from a configuration to listeners, and back down in order.

use std::{net::SocketAddr, sync::atomic::AtomicBool, time::Duration};

use anyhow::Context as _;
use hyper_util::service::TowerToHyperService;
use keyway_connectors::{
    ClientKeys, Context, audit,
    context::{Parts as ContextParts, PublicUrl, Settings},
    egress::{Egress, EgressPolicy},
};
use keyway_gateway::{Gateway, session::SessionSeal};
use keyway_model::{Clock, Random};
use keyway_oauth::state::StateKey;
use keyway_storage::{Database, KeyRing, Options, ServeLock};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use crate::{
    config::{Auth, Config, Origin},
    extract::origin::Doors,
    forgeries::Forgeries,
    front::Front,
    identity::{Identities, jwt::Jwts},
    jobs,
    keys::key_ring,
    listener, router,
    state::{AppState, Parts},
    streams::Streams,
    telemetry,
    traces::{self, Ended, Exporting},
};

/// How long requests and refreshes that are under way may take to end.
const DRAIN: Duration = Duration::from_secs(25);

/// What tests put in place of the operating system.
#[derive(Clone)]
pub struct Seams {
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
}

impl Seams {
    /// The operating system's clock and randomness.
    pub const fn system() -> Self {
        Self { clock: Clock::system(), random: Random::system() }
    }
}

/// A server that is up.
pub struct Running {
    /// Where it listens.
    pub listening: SocketAddr,
    /// Where the metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// The origin under which it is known.
    pub public_url: String,
    app: AppState,
    stop: CancellationToken,
    tracker: TaskTracker,
    exporting: Option<Exporting>,
    _lock: ServeLock,
}

/// Starts the server. Once this answers, requests are taken.
///
/// # Errors
/// Where the database, a key or a listener is not usable; the message says what to do.
pub async fn start(config: Config, seams: Seams) -> anyhow::Result<Running> {
    let recorder = telemetry::recorder()?;
    let keys = key_ring(&config, &seams.random)?;
    let database = open_database(&config, &seams, keys.clone()).await?;
    let lock = database.lock_for_serving()?;
    let listener = bind(config.listen, "KEYWAY_LISTEN").await?;
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(bind(address, "KEYWAY_METRICS_LISTEN").await?),
        None => None,
    };
    let listening = listener.local_addr()?;
    let metrics = metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let public = public_origin(&config, listening)?;
    let context = context(&config, &seams, &keys, database, &public)?;
    context.egress.refuse_own_listeners(
        &[Some(listening), metrics].into_iter().flatten().collect::<Vec<_>>(),
    );
    let app = state(&config, context, &keys, &public, listening, recorder);

    let (stop, tracker) = (app.stopping.clone(), TaskTracker::new());
    let (front, routes) = (app.clone(), router::service(app.clone()));
    let served = move |peer| Front::new(&front, &routes, peer);
    tracker.spawn(listener::serve(listener, served, stop.clone()));
    if let Some(listener) = metrics_listener {
        let metrics = router::metrics(app.clone());
        let served = move |_| TowerToHyperService::new(metrics.clone());
        tracker.spawn(listener::serve(listener, served, stop.clone()));
    }
    jobs::start(&app, &stop, &tracker);
    let public_url = public.to_string();
    let exporting = None;
    Ok(Running { listening, metrics, public_url, app, stop, tracker, exporting, _lock: lock })
}

/// Opens the database, brings its tables up to date, and proves that the keys are the right ones.
///
/// # Errors
/// Where any of this fails; the message says what to do.
pub async fn open_database(
    config: &Config,
    seams: &Seams,
    keys: KeyRing,
) -> anyhow::Result<Database> {
    let options = Options {
        url: config.database_url.clone(),
        keys,
        clock: seams.clock.clone(),
        random: seams.random.clone(),
        database_clock_offset_ms: 0,
    };
    let database = Database::open(options)
        .await
        .context("the database could not be opened; check KEYWAY_DATABASE_URL and that it is up")?;
    let background = database.for_background();
    background.migrate().await.context("the database could not be brought up to date")?;
    background.check_keys().await?;
    Ok(database)
}

impl Running {
    /// The use cases' context, for tests.
    pub fn context(&self) -> &Context {
        &self.app.context
    }

    /// Hands the spans that end from now on, and before, to the operator's collector.
    ///
    /// # Errors
    /// Where the exporter cannot work as the environment wants it to.
    pub(crate) fn export(&mut self, ended: Ended) -> anyhow::Result<()> {
        self.exporting = Some(traces::export(&self.app.context, ended)?);
        Ok(())
    }

    /// Takes no new work, lets requests and refreshes that are under way end, and closes the database.
    pub async fn shutdown(self) {
        self.app.stop_being_ready();
        self.stop.cancel();
        self.tracker.close();
        let tasks = &self.app.context.tasks;
        let deadline = Instant::now() + DRAIN;
        let drained = timeout_at(deadline, async {
            self.tracker.wait().await;
            tasks.close();
            tasks.wait().await;
        });
        if drained.await.is_err() {
            tracing::warn!(
                "requests were still under way after {} s and were cut off",
                DRAIN.as_secs()
            );
        }
        if let Err(error) = audit::flush(&self.app.context).await {
            tracing::warn!(%error, "the last activity could not be written");
        }
        if let Some(exporting) = self.exporting {
            exporting.finish(deadline).await;
        }
        self.app.context.database.close().await;
    }
}

async fn bind(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{variable}: {address} cannot be listened at; write another address or port")
    })
}

/// The origin under which Keyway is known, where it listens at `listening`.
pub(crate) fn public_origin(config: &Config, listening: SocketAddr) -> anyhow::Result<Origin> {
    if let Some(origin) = &config.public_url {
        return Ok(origin.clone());
    }
    let text = format!("http://localhost:{}", listening.port());
    text.parse().map_err(anyhow::Error::msg)
}

/// The use cases' context for a command that runs beside a server, or without one.
///
/// # Errors
/// As [`open_database`].
pub(crate) async fn context_beside(config: &Config, seams: &Seams) -> anyhow::Result<Context> {
    let keys = key_ring(config, &seams.random)?;
    let database = open_database(config, seams, keys.clone()).await?;
    let context = context(config, seams, &keys, database, &public_origin(config, config.listen)?)?;
    let own = [Some(config.listen), config.metrics_listen];
    context.egress.refuse_own_listeners(&own.into_iter().flatten().collect::<Vec<_>>());
    Ok(context)
}

fn context(
    config: &Config,
    seams: &Seams,
    keys: &KeyRing,
    database: Database,
    public: &Origin,
) -> anyhow::Result<Context> {
    let (egress, settings) = reach(config, public)?;
    let state_keys = keys.derive("authorization state").into_iter();
    Ok(Context::new(ContextParts {
        client_keys: client_keys(keys),
        database,
        egress,
        clock: seams.clock.clone(),
        random: seams.random.clone(),
        state_keys: state_keys.map(|key| StateKey { id: key.id, key: key.key }).collect(),
        settings,
    }))
}

/// The keys that Keyway signs with as a client (`private_key_jwt`).
fn client_keys(keys: &KeyRing) -> ClientKeys {
    ClientKeys::from_secret_bytes(keys.derive("client assertion").into_iter().map(|key| key.key))
}

/// What the operator's settings decide: what may be reached, and how use cases go.
///
/// # Errors
/// Where no HTTP client can be made.
pub(crate) fn reach(config: &Config, public: &Origin) -> anyhow::Result<(Egress, Settings)> {
    let public_url = PublicUrl::new(public.as_url().clone());
    let egress = Egress::new(EgressPolicy {
        allow: config.egress_allow.clone(),
        loopback: config.is_single_user(),
        public_url: Some(public.as_url().clone()),
    })?;
    let own_document = || public.is_https().then(|| public_url.at("/oauth/client-metadata.json"));
    let settings = Settings {
        single_user: config.is_single_user(),
        registration: config.registration,
        elicitation: config.elicitation,
        catalog: config.catalog.clone(),
        client_metadata_url: config.client_metadata_url.clone().or_else(own_document),
        host_origins: config.host_origins.iter().map(Origin::to_string).collect(),
        public_url,
    };
    Ok((egress, settings))
}

fn state(
    config: &Config,
    context: Context,
    keys: &KeyRing,
    public: &Origin,
    listening: SocketAddr,
    metrics: PrometheusHandle,
) -> AppState {
    let jwts = match &config.auth {
        Auth::Tokens { jwt: Some(settings) } => Some(Jwts::new(settings, &context)),
        Auth::Tokens { jwt: None } | Auth::SingleUser => None,
    };
    let (single_user, stopping) = (config.is_single_user(), CancellationToken::new());
    AppState::new(Parts {
        gateway: Gateway::new(context.clone(), session_seal(keys), stopping.clone()),
        identities: Identities::new(context.database.clone(), context.clock.clone(), jwts),
        streams: Streams::new(config.streams_per_user),
        doors: Doors::new(public, listening, &config.host_origins, single_user),
        forgeries: Forgeries::new(context.clock.clone()),
        single_user,
        metrics,
        key_ids: keys.ids().map(str::to_owned).collect(),
        ready: AtomicBool::new(true),
        stopping,
        context,
    })
}

fn session_seal(keys: &KeyRing) -> SessionSeal {
    SessionSeal::new(keys.derive("mcp session").into_iter().map(|key| Zeroizing::new(key.key)))
}
