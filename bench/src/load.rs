//! The load: loops over kept connections, and the single exchanges beside them.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    connection::{Connection, connect, host},
    paced,
    target::Target,
};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a loop measured.
pub(crate) struct Load {
    /// How long each call took, in µs, sorted.
    pub(crate) latencies: Vec<f64>,
    /// How long it all took.
    pub(crate) time: Duration,
}

/// The connections of a loop, opened and warm.
pub(crate) struct Loop(Vec<Connection>);

impl Loop {
    /// Opens that many connections and makes one call over each.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn open(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let mut opened = Self::connect(target, connections).await?;
        for connection in &mut opened.0 {
            connection.call(0).await?;
        }
        Ok(opened)
    }

    /// Opens that many connections and calls over none.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) async fn connect(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for caller in 0..connections {
            opened.push(Connection::open(target, caller).await?);
        }
        Ok(Self(opened))
    }

    /// Opens that many connections, of each target as many, and calls over none.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) async fn across(targets: &[Target], connections: usize) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for number in 0..connections {
            let target = &targets[number % targets.len()];
            opened.push(Connection::open(target, number / targets.len()).await?);
        }
        Ok(Self(opened))
    }

    /// Calls once over each connection, over all at once, and gives each time in µs, sorted.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn once(mut self) -> anyhow::Result<Vec<f64>> {
        let times: anyhow::Result<Vec<f64>> = self.each_once(1).await.into_iter().collect();
        let mut times = times?;
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Calls once over each connection, over all at once, and gives how each call ended.
    pub(crate) async fn each_once(&mut self, id: u64) -> Vec<anyhow::Result<f64>> {
        let calls = self.0.iter_mut().map(|connection| connection.call(id));
        futures_util::future::join_all(calls).await
    }

    /// Calls back to back over each connection for `time`.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn run(self, time: Duration) -> anyhow::Result<Load> {
        let begun = Instant::now();
        let mut workers = JoinSet::new();
        for mut connection in self.0 {
            workers.spawn(async move {
                let mut latencies = Vec::new();
                for id in 1.. {
                    if begun.elapsed() >= time {
                        break;
                    }
                    latencies.push(connection.call(id).await?);
                }
                anyhow::Ok(latencies)
            });
        }
        Load::of(workers, begun).await
    }

    /// Calls over all connections together `rate` times a second for `time`, whether or not the calls before
    /// were answered.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn run_at(self, rate: f64, time: Duration) -> anyhow::Result<Load> {
        paced::run(self.0, rate, time).await
    }
}

impl Load {
    /// What the workers of a loop measured that has `begun` then, when they are done.
    ///
    /// # Errors
    /// Where one of them failed.
    pub(crate) async fn of(
        mut workers: JoinSet<anyhow::Result<Vec<f64>>>,
        begun: Instant,
    ) -> anyhow::Result<Self> {
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.append(&mut worker??);
        }
        let time = begun.elapsed();
        latencies.sort_by(f64::total_cmp);
        Ok(Self { latencies, time })
    }

    /// How many calls there were.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls within seconds")]
    pub(crate) fn calls(&self) -> f64 {
        self.latencies.len() as f64
    }

    /// How many there were in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls() / self.time.as_secs_f64()
    }
}

/// The text at an address of loopback.
///
/// # Errors
/// Where there is none.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let request = Request::get(path).header(header::HOST, host(address)).body(Full::default())?;
    send(address, request).await
}

/// Posts JSON to an address of loopback and gives the answer's text.
///
/// # Errors
/// Where it is not a success.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    mut headers: HeaderMap,
    body: String,
) -> anyhow::Result<String> {
    headers.insert(header::HOST, host(address).parse()?);
    headers.insert(header::CONTENT_TYPE, "application/json".parse()?);
    let request = Request::builder().method(Method::POST).uri(path);
    let mut request = request.body(Full::from(body))?;
    *request.headers_mut() = headers;
    send(address, request).await
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<String> {
    let answer = exchange(address, request).await?;
    let (status, text) = (answer.status(), answer.into_body());
    anyhow::ensure!(status.is_success(), "{address} answered {status}: {text}");
    Ok(text)
}

/// Sends a request to an address of loopback and gives the answer, whatever it is.
///
/// # Errors
/// Where there is none.
pub(crate) async fn exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<String>> {
    let exchange = async {
        let (mut sender, _) = connect(address).await?;
        let answer: Response<Incoming> = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        anyhow::Ok(Response::from_parts(parts, text))
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

/// The header that shows a token.
///
/// # Errors
/// Where the token cannot be in a header.
pub(crate) fn bearer(token: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    Ok((header::AUTHORIZATION, format!("Bearer {token}").parse()?))
}
