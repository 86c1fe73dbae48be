//! Keyway in this process: the whole server on a free port, with a clock that a test moves and a seeded
//! generator.

use std::sync::atomic::{AtomicU64, Ordering};

use keyway_model::{Clock, ManualClock, Random};
use keyway_server::{
    app::{self, Running, Seams},
    config::Config,
};
use tempfile::TempDir;

use crate::{
    api::{Api, Credentials},
    settings::{Settings, host_jwt},
};

/// A running Keyway. Its data are deleted when it is dropped.
pub struct Keyway {
    running: Running,
    clock: Clock,
    hand: ManualClock,
    _directory: TempDir,
}

impl Keyway {
    /// `single_user` on SQLite.
    pub async fn single_user() -> Self {
        Self::start(Settings::single_user, |_| {}).await
    }

    /// `tokens` on SQLite; callers show JWTs of the host.
    pub async fn tokens() -> Self {
        Self::start(Settings::tokens, |_| {}).await
    }

    /// Starts with settings that `change` may alter.
    pub async fn start(
        kind: impl FnOnce(&TempDir) -> Settings,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let (clock, hand) = Clock::manual(Clock::system().now());
        Self::start_with_clock(kind, change, clock, hand).await
    }

    /// Starts with a clock that others go by too.
    pub async fn start_with_clock(
        kind: impl FnOnce(&TempDir) -> Settings,
        change: impl FnOnce(&mut Settings),
        clock: Clock,
        hand: ManualClock,
    ) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a temporary directory");
        let mut settings = kind(&directory);
        change(&mut settings);
        let running = start(&settings, clock.clone()).await.expect("keyway starts");
        Self { running, clock, hand, _directory: directory }
    }

    /// The origin it is known by.
    pub fn origin(&self) -> &str {
        &self.running.public_url
    }

    /// Its clock, for scripted servers that should go by the same time.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Moves its clock.
    pub fn advance(&self, duration: std::time::Duration) {
        self.hand.advance(duration);
    }

    /// A caller without credentials.
    pub fn api(&self) -> Api {
        Api::new(self.origin(), Credentials::None)
    }

    /// A caller with a JWT of the host for `user`.
    pub fn api_of(&self, user: &str) -> Api {
        Api::new(self.origin(), Credentials::Bearer(host_jwt(user)))
    }

    /// Ends it as SIGTERM does; its data are deleted.
    pub async fn shut_down(self) {
        self.running.shutdown().await;
    }

    /// The running server.
    pub fn running(&self) -> &Running {
        &self.running
    }
}

/// Starts a server with these settings; each has randomness of its own, and always the same.
///
/// # Errors
/// What keeps it from starting.
pub async fn start(settings: &Settings, clock: Clock) -> anyhow::Result<Running> {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let config = Config::from_environment(&|name: &str| settings.value(name));
    let config = config.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let random = Random::seeded(SEED.fetch_add(1, Ordering::Relaxed));
    app::start(config, Seams { clock, random }).await
}
