//! The task that hands spans to the collector: in batches, through the one way out, beside everything else.
//! A collector that is down costs spans and nothing more.

use std::{fmt, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use keyway_connectors::{Context, egress::Egress};
use keyway_model::{Clock, Timestamp};
use keyway_oauth::http::Limits;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    error::OTelSdkError,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Ended, queue::count_dropped};

/// How many spans are sent at once.
const BATCH: usize = 512;
/// How long a span may wait for others.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch, all tries together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans may take once everything else has ended.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a collector that takes nothing is told of.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// The task, until [`Exporting::finish`].
pub(crate) struct Exporting {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// Begins to hand the spans to the collector.
///
/// # Errors
/// Where the exporter cannot work as the environment wants it to.
pub(crate) fn export(cx: &Context, ended: Ended) -> anyhow::Result<Exporting> {
    let Ended { spans, settings, resource } = ended;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(WayOut(cx.egress.clone()))
        .with_endpoint(settings.collector.as_str())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .build()
        .context("spans cannot be exported; check the OTEL_EXPORTER_OTLP_* variables")?;
    exporter.set_resource(&resource);
    let stop = CancellationToken::new();
    let worker = Worker { spans, exporter, clock: cx.clock.clone(), complained: None };
    Ok(Exporting { task: tokio::spawn(worker.run(stop.clone())), stop })
}

impl Exporting {
    /// Hands over what is left, until the deadline at the latest.
    pub(crate) async fn finish(mut self, deadline: Instant) {
        self.stop.cancel();
        let deadline = deadline.min(Instant::now() + FAREWELL);
        if timeout_at(deadline, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("the last spans could not be handed to the collector");
        }
    }
}

struct Worker {
    spans: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    clock: Clock,
    complained: Option<Timestamp>,
}

impl Worker {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let mut batch = Vec::new();
            let stopped = stop.run_until_cancelled(self.gather(&mut batch)).await.is_none();
            while stopped && batch.len() < BATCH {
                let Ok(span) = self.spans.try_recv() else { break };
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            self.send(batch).await;
        }
    }

    /// Waits for a span and a while for others.
    async fn gather(&mut self, batch: &mut Vec<SpanData>) {
        self.spans.recv_many(batch, BATCH).await;
        let others = async {
            while batch.len() < BATCH {
                if self.spans.recv_many(batch, BATCH - batch.len()).await == 0 {
                    return;
                }
            }
        };
        // A batch that is not full goes as it is.
        let _ = timeout(INTERVAL, others).await;
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len();
        if let Err(error) = self.exporter.export(batch).await {
            count_dropped(count);
            self.complain(&error);
        }
    }

    fn complain(&mut self, error: &OTelSdkError) {
        let now = self.clock.now();
        if self.complained.is_none_or(|last| now.since(last) >= COMPLAINT_INTERVAL) {
            self.complained = Some(now);
            tracing::warn!(
                %error,
                "the collector takes no spans; check OTEL_EXPORTER_OTLP_ENDPOINT and that it is up"
            );
        }
    }
}

/// Keyway's way out, as the exporter wants it.
struct WayOut(Egress);

impl fmt::Debug for WayOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WayOut")
    }
}

#[async_trait]
impl HttpClient for WayOut {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let limits = Limits { time: PATIENCE, body: 64 * 1024 };
        Ok(self.0.send_to_operator(request, limits).await?)
    }
}
