//! The targets of a run. They are started once to be looked at, and anew for each round, so that a process's own
//! luck, such as where its memory came to lie, is in the spread of the rounds.

use std::{net::SocketAddr, path::Path};

use crate::{
    keyway::{self, Mode},
    machine::Cores,
    nginx, run,
    target::Target,
};

/// The modes of Keyway that are measured.
pub(crate) const MODES: [Mode; 3] = [Mode::SingleUser, Mode::Tokens, Mode::OAuth];

/// What they are started from.
pub(crate) struct Targets<'a> {
    /// The release binary.
    pub(crate) keyway: &'a Path,
    /// Where databases and settings lie.
    pub(crate) directory: &'a Path,
    /// Where the server listens.
    pub(crate) upstream: SocketAddr,
    /// Which core does what.
    pub(crate) cores: &'a Cores,
}

impl Targets<'_> {
    /// Keyway in one mode.
    pub(crate) fn keyway(&self, mode: Mode) -> keyway::Plan {
        keyway::Plan::new(self.keyway, mode, self.directory, self.upstream, self.cores.target)
    }

    /// Direct, the floor, Keyway in each mode with its connectors made, and nginx where it is installed, in
    /// this order.
    ///
    /// # Errors
    /// Where one does not start.
    pub(crate) async fn start(&self) -> anyhow::Result<Vec<Target>> {
        let mut targets = self.plain().await?;
        for mode in MODES {
            targets.push(self.keyway(mode).start().await?);
        }
        targets.extend(nginx::start(self.directory, self.upstream, self.cores.target).await?);
        Ok(targets)
    }

    /// The same on the databases that they left, warm.
    ///
    /// # Errors
    /// Where one does not start, or a call fails.
    pub(crate) async fn start_again(&self) -> anyhow::Result<Vec<Target>> {
        let mut targets = self.plain().await?;
        for mode in MODES {
            targets.push(self.keyway(mode).start_again().await?);
        }
        targets.extend(nginx::start(self.directory, self.upstream, self.cores.target).await?);
        for target in &targets {
            target.warm_up().await?;
        }
        Ok(targets)
    }

    /// Direct and the floor.
    async fn plain(&self) -> anyhow::Result<Vec<Target>> {
        let to = self.upstream.to_string();
        let floor = run::start_own(&["floor".as_ref(), to.as_ref()], self.cores.target).await?;
        let (floor, address) = floor;
        let direct = Target::plain("direct", self.upstream, None);
        Ok(vec![direct, Target::plain("floor", address, Some(floor))])
    }
}
