//! Every statement is counted once, on the account it was made for.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use keyway_model::ConnectorKey;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::bench::{ana, on_both};

/// Remembers one counter for each purpose.
#[derive(Default)]
struct Counters(Mutex<Vec<(String, Arc<AtomicU64>)>>);

impl Counters {
    fn count(&self, purpose: &str) -> u64 {
        let counters = self.0.lock().unwrap();
        let of_purpose = counters.iter().filter(|(name, _)| name == purpose);
        of_purpose.map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        assert_eq!(key.name(), "keyway_database_queries_total");
        let purpose = key.labels().find(|label| label.key() == "purpose").unwrap();
        let count = Arc::new(AtomicU64::new(0));
        self.0.lock().unwrap().push((purpose.value().to_owned(), count.clone()));
        Counter::from_arc(count)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

on_both! {
    async fn every_statement_is_counted_once(bench) {
        let connector = bench.connector().await;
        let counters = Counters::default();
        let guard = metrics::set_default_local_recorder(&counters);
        bench.database.connector(&ana(), &ConnectorKey::Id(connector.id)).await.unwrap();
        assert_eq!((counters.count("request"), counters.count("background")), (1, 0));
        let background = bench.database.for_background();
        background.connectors_of(&ana()).await.unwrap();
        assert_eq!((counters.count("request"), counters.count("background")), (1, 1));
        background.delete_connector(&ana(), connector.id).await.unwrap();
        assert_eq!((counters.count("request"), counters.count("background")), (1, 4));
        drop(guard);
    }
}
