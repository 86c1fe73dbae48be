//! The measure: a pass-through on the HTTP stack that Keyway has, hyper on both sides with the same
//! settings, which knows no routes, no callers, no connectors and no tokens. What Keyway costs more than
//! this is its own.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpListener;

/// What belongs to one hop and is not handed on.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
];
/// As Keyway has it.
const BUFFER: usize = 64 * 1024;
/// As Keyway has it.
const MOST_IDLE_CONNECTIONS: usize = 256;

type Upstream = Client<HttpConnector, Full<Bytes>>;
type Body = Either<Incoming, Empty<Bytes>>;

/// Hands every request that comes over the listener on to `upstream`.
///
/// # Errors
/// Where the listener fails.
pub(crate) async fn serve(listener: TcpListener, upstream: SocketAddr) -> anyhow::Result<()> {
    let client = client();
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        let service = service_fn(move |request| pass(client.clone(), upstream, request));
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

fn client() -> Upstream {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    #[expect(
        clippy::disallowed_methods,
        reason = "the floor is measured without the egress policy"
    )]
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(MOST_IDLE_CONNECTIONS)
        .http1_max_buf_size(BUFFER)
        .build(tcp)
}

async fn pass(
    client: Upstream,
    upstream: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    let Ok(uri) = format!("http://{upstream}{}", parts.uri).parse::<Uri>() else {
        return Ok(failed(StatusCode::BAD_REQUEST));
    };
    parts.uri = uri;
    let request = Request::from_parts(parts, Full::new(body));
    let Ok(mut answer) = client.request(request).await else {
        return Ok(failed(StatusCode::BAD_GATEWAY));
    };
    answer.headers_mut().remove(header::CONNECTION);
    answer.headers_mut().remove(header::TRANSFER_ENCODING);
    Ok(answer.map(Either::Left))
}

fn failed(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Either::Right(Empty::new()));
    *answer.status_mut() = status;
    answer
}
