//! Where spans end: in a queue with bounds. Ending a span never waits; what finds no room is counted and
//! lost. And where their ids come from.

use std::{fmt, time::Duration};

use keyway_model::Random;
use opentelemetry::{
    Context,
    trace::{SpanId, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{IdGenerator, Span, SpanData, SpanProcessor},
};
use tokio::sync::mpsc;

/// The entrance to the queue.
#[derive(Debug)]
pub(super) struct Queue(pub(super) mpsc::Sender<SpanData>);

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            count_dropped(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Counts spans that the collector will not see.
pub(super) fn count_dropped(spans: usize) {
    metrics::counter!("keyway_spans_dropped_total").increment(spans as u64);
}

/// Ids from Keyway's own randomness.
pub(super) struct Identifiers(pub(super) Random);

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifiers")
    }
}

impl IdGenerator for Identifiers {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.0.bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(self.0.bytes())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn a_full_queue_loses_the_span_and_holds_nobody_up() {
        let (sender, mut spans) = mpsc::channel(1);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue(sender))
            .with_id_generator(Identifiers(Random::seeded(1)))
            .build();
        let tracer = provider.tracer("test");
        drop(tracer.start("kept"));
        drop(tracer.start("lost"));
        assert_eq!(spans.try_recv().map(|span| span.name).ok().as_deref(), Some("kept"));
        assert!(spans.try_recv().is_err());
    }
}
