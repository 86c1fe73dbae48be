//! `keyway healthcheck`: one request over plain HTTP, for container health checks.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use url::Url;

use super::{configuration, say};

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the URL, or the listener of this configuration.
pub(super) async fn run(url: Option<String>) -> anyhow::Result<()> {
    let url = match url {
        Some(url) => url,
        None => format!("http://{}/healthz", configuration()?.listen),
    };
    let url = Url::parse(&url).context("write an address such as http://127.0.0.1:8420/healthz")?;
    ensure!(url.scheme() == "http", "only http:// is asked; name the listener itself");
    let status = timeout(PATIENCE, status_line(&url)).await.context("no answer within 5 s")??;
    if status.split(' ').nth(1) != Some("200") {
        bail!("{url} answered {status}");
    }
    say("ok")
}

async fn status_line(url: &Url) -> anyhow::Result<String> {
    let address = url.socket_addrs(|| None).context("the address cannot be found")?;
    let mut stream = TcpStream::connect(&*address).await.context("nothing answers there")?;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request =
        format!("GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
