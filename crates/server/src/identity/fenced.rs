//! A bounded cache whose content can be made void at once, also for look-ups that are under way.

use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

/// Verdicts by the SHA-256 of what was shown. Each counts only for the epoch in which its look-up began, so
/// that a look-up that was overtaken by a revocation leaves nothing behind.
pub(super) struct Fenced<V> {
    entries: Cache<[u8; 32], (u64, V)>,
    epoch: AtomicU64,
}

impl<V: Clone + Send + Sync + 'static> Fenced<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: Cache::new(capacity), epoch: AtomicU64::new(0) }
    }

    /// The remembered value, or what `load` finds; that nothing was found is not remembered.
    pub(super) async fn get_or_load<E>(
        &self,
        hash: [u8; 32],
        load: impl AsyncFnOnce() -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if let Some((loaded_in, value)) = self.entries.get(&hash)
            && loaded_in == epoch
        {
            return Ok(Some(value));
        }
        let found = Box::pin(load()).await?;
        if let Some(value) = &found {
            self.entries.insert(hash, (epoch, value.clone()));
        }
        Ok(found)
    }

    /// Makes everything remembered void.
    pub(super) fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const HASH: [u8; 32] = [1; 32];

    fn found(value: u8) -> impl AsyncFnOnce() -> Result<Option<u8>, Infallible> {
        async move || Ok(Some(value))
    }

    #[tokio::test]
    async fn a_value_is_loaded_once() {
        let cache = Fenced::new(10);
        assert_eq!(cache.get_or_load(HASH, found(1)).await, Ok(Some(1)));
        assert_eq!(cache.get_or_load(HASH, found(2)).await, Ok(Some(1)));
    }

    #[tokio::test]
    async fn what_is_forgotten_is_loaded_again() {
        let cache = Fenced::new(10);
        assert_eq!(cache.get_or_load(HASH, found(1)).await, Ok(Some(1)));
        cache.forget_all();
        assert_eq!(cache.get_or_load(HASH, found(2)).await, Ok(Some(2)));
    }

    #[tokio::test]
    async fn a_look_up_overtaken_by_a_revocation_leaves_nothing_behind() {
        let cache = Fenced::new(10);
        let overtaken = async || {
            cache.forget_all();
            Ok::<_, Infallible>(Some(1))
        };
        assert_eq!(cache.get_or_load(HASH, overtaken).await, Ok(Some(1)));
        let nothing = async || Ok::<_, Infallible>(None);
        assert_eq!(cache.get_or_load(HASH, nothing).await, Ok(None));
    }
}
