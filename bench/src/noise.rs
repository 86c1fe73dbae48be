//! What else the machine did in a round, and which rounds are dropped for it.

use std::fs;

use anyhow::Context as _;
use tokio::time::Instant;

use crate::machine;

/// What others, or the host, may take of one core in a round that is kept.
const MOST: f64 = 0.05;
/// With fewer quiet rounds than these, all that were made are used.
const FEWEST: usize = 3;

/// The noise of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// The load average over a minute, at the round's end; the bench itself is in it.
    pub(crate) load_average: f64,
    /// What the host took away, as a share of one core.
    pub(crate) steal: f64,
    /// What the processes took that are not the bench's, as a share of one core.
    pub(crate) others: f64,
}

impl Noise {
    /// Whether the round is kept.
    pub(crate) fn is_quiet(&self) -> bool {
        self.steal <= MOST && self.others <= MOST
    }
}

/// The clocks at one moment.
pub(crate) struct Reading {
    at: Instant,
    steal: f64,
    others: f64,
}

impl Reading {
    /// Now, where `own` are the bench's processes.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub(crate) fn now(own: &[u32]) -> anyhow::Result<Self> {
        // What a child took is its parent's once it has ended, so that the sum loses nothing.
        let others = machine::processes().filter(|(id, _)| !own.contains(id));
        let others = others.map(|(_, stat)| stat.cpu + stat.cpu_of_ended_children).sum();
        Ok(Self { at: Instant::now(), steal: machine::steal_seconds()?, others })
    }

    /// The noise since `before`.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub(crate) fn since(&self, before: &Self) -> anyhow::Result<Noise> {
        let time = (self.at - before.at).as_secs_f64();
        let share = |after: f64, before: f64| ((after - before) / time).max(0.0);
        let text = fs::read_to_string("/proc/loadavg")?;
        let load_average = text.split(' ').next().and_then(|text| text.parse().ok());
        Ok(Noise {
            load_average: load_average.context("/proc/loadavg is empty")?,
            steal: share(self.steal, before.steal),
            others: share(self.others, before.others),
        })
    }
}

/// Whether the rounds that were made are enough: as many quiet ones as planned, or twice as many at all.
pub(crate) fn are_enough(made: &[Noise], planned: usize) -> bool {
    quiet(made) >= planned || made.len() >= 2 * planned
}

/// Which rounds are used: the quiet ones, or all where those are too few.
pub(crate) fn used(made: &[Noise]) -> Vec<bool> {
    let are_too_few = quiet(made) < FEWEST;
    made.iter().map(|noise| are_too_few || noise.is_quiet()).collect()
}

fn quiet(made: &[Noise]) -> usize {
    made.iter().filter(|noise| noise.is_quiet()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(steal: f64, others: f64) -> Noise {
        Noise { load_average: 2.0, steal, others }
    }

    const QUIET: Noise = Noise { load_average: 2.0, steal: 0.0, others: 0.01 };

    #[test]
    fn a_round_is_noisy_by_others_or_by_the_host() {
        assert!(noise(0.05, 0.05).is_quiet());
        assert!(!noise(0.06, 0.0).is_quiet() && !noise(0.0, 0.06).is_quiet());
    }

    #[test]
    fn noisy_rounds_are_made_again_up_to_the_bound() {
        let loud = noise(0.0, 0.5);
        assert!(!are_enough(&[QUIET, loud, QUIET], 3));
        assert!(are_enough(&[QUIET, loud, QUIET, QUIET], 3));
        assert!(!are_enough(&[loud; 5], 3) && are_enough(&[loud; 6], 3));
    }

    #[test]
    fn noisy_rounds_are_used_only_where_fewer_than_three_are_quiet() {
        let loud = noise(0.5, 0.0);
        assert_eq!(used(&[QUIET, loud, QUIET, QUIET]), [true, false, true, true]);
        assert_eq!(used(&[QUIET, loud, QUIET]), [true; 3]);
    }

    #[test]
    fn the_time_of_a_process_that_is_nobodys_is_noise() {
        let reading = |others| Reading { at: Instant::now(), steal: 0.0, others };
        let before = reading(10.0);
        let after = Reading { at: before.at + std::time::Duration::from_secs(20), ..reading(12.0) };
        let noise = after.since(&before).expect("/proc");
        assert!((noise.others - 0.1).abs() < 1e-9 && noise.steal.abs() < 1e-9);
    }
}
