//! How many callbacks that belong to no sign-in one peer may send. An answer that belongs to one is never
//! counted, so a flood of forged ones keeps nobody from finishing.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock as GovernorClock, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::HashMapStateStore,
};
use keyway_model::{Clock, Timestamp};

/// At once, and within each minute.
const MOST: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// After how many forgeries the peers that were quiet since are forgotten.
const SWEEP: u64 = 1024;

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Ticks, NoOpMiddleware<Nanos>>;

/// Counts the forgeries of each peer.
pub(crate) struct Forgeries {
    limiter: Limiter,
    clock: Ticks,
    counted: AtomicU64,
}

impl Forgeries {
    pub(crate) fn new(clock: Clock) -> Self {
        let clock = Ticks(clock);
        let limiter = RateLimiter::hashmap_with_clock(Quota::per_minute(MOST), clock.clone());
        Self { limiter, clock, counted: AtomicU64::new(0) }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// How long the peer must wait before the next one is looked at.
    pub(crate) fn count(&self, peer: IpAddr) -> Result<(), Duration> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
        }
        let counted = self.limiter.check_key(&network(peer));
        counted.map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// A subscriber of IPv6 has a whole network of addresses.
fn network(peer: IpAddr) -> IpAddr {
    const SUBSCRIBER: u128 = !0 << 64;
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SUBSCRIBER).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The time as the limiter wants it.
#[derive(Clone)]
struct Ticks(Clock);

impl GovernorClock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.now().since(Timestamp::from_millis(0)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgeries() -> (Forgeries, keyway_model::ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
        (Forgeries::new(clock), hand)
    }

    fn taken(forgeries: &Forgeries, peer: &str, times: usize) -> usize {
        let peer = peer.parse().unwrap();
        (0..times).filter(|_| forgeries.count(peer).is_ok()).count()
    }

    #[test]
    fn a_peer_may_send_sixty_at_once_and_one_more_after_each_second() {
        let (forgeries, hand) = forgeries();
        assert_eq!(taken(&forgeries, "192.0.2.1", 100), 60);
        let wait = forgeries.count("192.0.2.1".parse().unwrap()).unwrap_err();
        assert_eq!(wait, Duration::from_secs(1));
        hand.advance(Duration::from_secs(5));
        assert_eq!(taken(&forgeries, "192.0.2.1", 100), 5);
    }

    #[test]
    fn peers_are_counted_apart_but_a_network_of_ipv6_is_one_peer() {
        let (forgeries, _hand) = forgeries();
        assert_eq!(taken(&forgeries, "192.0.2.1", 60), 60);
        assert_eq!(taken(&forgeries, "::ffff:192.0.2.1", 1), 0);
        assert_eq!(taken(&forgeries, "192.0.2.2", 1), 1);
        assert_eq!(taken(&forgeries, "2001:db8::1", 60), 60);
        assert_eq!(taken(&forgeries, "2001:db8::ffff:2", 1), 0);
        assert_eq!(taken(&forgeries, "2001:db8:0:1::1", 1), 1);
    }

    #[test]
    fn peers_that_were_quiet_are_forgotten() {
        let (forgeries, hand) = forgeries();
        for peer in 0..1023_u32 {
            assert!(forgeries.count(IpAddr::V4(peer.into())).is_ok());
        }
        hand.advance(Duration::from_secs(60));
        assert_eq!(taken(&forgeries, "192.0.2.1", 1), 1);
        assert_eq!(forgeries.limiter.len(), 1);
    }
}
