//! Traces for an operator who has them collected (`OTEL_EXPORTER_OTLP_ENDPOINT`): the spans of requests and
//! of what they lead to, handed to a collector as OTLP over HTTP. Without that setting nothing here is used.

mod exporting;
mod queue;
mod request;

use keyway_connectors::trace::TARGET;
use keyway_model::Random;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider, SpanData},
};
use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry, filter::Targets};

use self::queue::{Identifiers, Queue};
pub(crate) use self::{
    exporting::{Exporting, export},
    request::{begin, note_status},
};
use crate::config::TraceSettings;

/// How many spans are kept while the collector does not take them.
const ROOM: usize = 2048;

/// What takes spans from the code.
pub(crate) type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The spans that have ended, on their way to the collector; [`crate::Running`] hands them on.
pub(crate) struct Ended {
    spans: mpsc::Receiver<SpanData>,
    settings: TraceSettings,
    resource: Resource,
}

/// What takes spans, and where they come out again once they have ended. A caller's trace is joined as its
/// `traceparent` says, and one that is not sampled there is not sampled here (W3C Trace Context §3.2.2.5).
pub(crate) fn collect(settings: &TraceSettings, random: Random) -> (SpanLayer, Ended) {
    let (sender, spans) = mpsc::channel(ROOM);
    let resource = Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let tracer = SdkTracerProvider::builder()
        .with_span_processor(Queue(sender))
        .with_id_generator(Identifiers(random))
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource.clone())
        .build()
        .tracer("keyway");
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_context_activation(false)
        .with_level(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO));
    (layer.boxed(), Ended { spans, settings: settings.clone(), resource })
}
