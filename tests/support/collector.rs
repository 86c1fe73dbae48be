//! A scripted OpenTelemetry collector: takes OTLP over HTTP, keeps what came, and takes nothing on demand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{Router, extract::State, routing::post};
use http::StatusCode;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;

use crate::{
    gate::Gate,
    log::{Log, recording},
    serving::{Bound, Serving},
    until::until,
};

/// The path for spans (OTLP, "OTLP/HTTP Request").
const SPANS: &str = "/v1/traces";

/// A running collector.
pub struct Collector {
    origin: String,
    log: Log,
    script: Script,
    _serving: Serving,
}

#[derive(Clone)]
struct Script {
    status: Arc<AtomicU16>,
    gate: Gate,
}

/// One span as it came.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// The trace it belongs to, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// The id of the span it is a part of, in hex; empty if there is none.
    pub parent: String,
    /// The name of the service that tells it.
    pub service: String,
    attributes: BTreeMap<String, String>,
}

impl Exported {
    /// An attribute as text; empty if there is none of that name.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let bound = Bound::free_port().await;
        let status = Arc::new(AtomicU16::new(StatusCode::OK.as_u16()));
        let script = Script { status, gate: Gate::default() };
        let (origin, log) = (bound.origin(), Log::default());
        let router = Router::new().route(SPANS, post(take)).with_state(script.clone());
        let serving = bound.serve(recording(log.clone(), router));
        Self { origin, log, script, _serving: serving }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every request that came.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The gate that its answers wait at.
    pub fn gate(&self) -> &Gate {
        &self.script.gate
    }

    /// From now on it answers with this status.
    pub fn answer_with(&self, status: StatusCode) {
        self.script.status.store(status.as_u16(), Ordering::SeqCst);
    }

    /// The spans that came so far.
    pub fn spans(&self) -> Vec<Exported> {
        self.log.to(SPANS).iter().flat_map(|request| read(&request.body)).collect()
    }

    /// The first span for which `wanted` holds; waits for it.
    pub async fn span(&self, wanted: impl Fn(&Exported) -> bool) -> Exported {
        until("the collector has the span", || async { self.spans().iter().any(&wanted) }).await;
        self.spans().into_iter().find(wanted).expect("it has come")
    }
}

async fn take(State(script): State<Script>) -> StatusCode {
    script.gate.pass().await;
    StatusCode::from_u16(script.status.load(Ordering::SeqCst)).unwrap_or(StatusCode::OK)
}

fn read(body: &[u8]) -> Vec<Exported> {
    let request = ExportTraceServiceRequest::decode(body).expect("spans are protobuf");
    let mut exported = Vec::new();
    for of_service in request.resource_spans {
        let about = of_service.resource.map(|resource| attributes(resource.attributes));
        let service = about.and_then(|mut about| about.remove("service.name")).unwrap_or_default();
        for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            exported.push(Exported {
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                service: service.clone(),
                attributes: attributes(span.attributes),
            });
        }
    }
    exported
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    list.into_iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn text(attribute: KeyValue) -> String {
    match attribute.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
