//! Connections to a server on loopback that is played byte by byte.

use std::{future, pin::pin, sync::atomic::AtomicUsize, task::Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use keyway_oauth::http::SendError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Barrier, Semaphore, watch},
    task::coop,
};

use super::{
    super::{
        body::{Body, read_body},
        client::{Client, tls},
        resolver::{Class, GuardedResolver},
    },
    *,
};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const IDLE: Duration = Duration::from_secs(90);

/// What a server does with each connection.
#[derive(Clone)]
struct Script {
    /// What it answers to every request.
    answer: &'static str,
    /// How many answers it gives before it closes a connection.
    answers: usize,
    /// How many requests must be there before one is answered.
    together: Arc<Barrier>,
    /// How many connections it may close.
    closing: Arc<Semaphore>,
}

impl Script {
    fn new(answer: &'static str) -> Self {
        let (together, closing) = (Barrier::new(1), Semaphore::new(Semaphore::MAX_PERMITS));
        Self { answer, answers: usize::MAX, together: together.into(), closing: closing.into() }
    }
}

/// A server, and what it has seen.
struct Server {
    uri: Uri,
    connections: Arc<AtomicUsize>,
    ended: watch::Receiver<usize>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let (counted, (end, ended)) = (connections.clone(), watch::channel(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (script, end) = (script.clone(), end.clone());
                tokio::spawn(async move {
                    serve(stream, script).await;
                    end.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self { uri, connections, ended }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until this many connections have ended.
    async fn ended(&mut self, count: usize) {
        soon(self.ended.wait_for(|ended| *ended >= count)).await.unwrap();
    }
}

/// Waits, but not for ever.
async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), awaited).await.expect("it comes to this")
}

/// Answers requests without a body until the client or the script ends the connection.
async fn serve(mut stream: TcpStream, script: Script) {
    let mut request = Vec::new();
    for _ in 0..script.answers {
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        request.clear();
        script.together.wait().await;
        if stream.write_all(script.answer.as_bytes()).await.is_err() {
            return;
        }
    }
    script.closing.acquire().await.unwrap().forget();
}

fn client(idle: Duration) -> Client {
    let resolver = GuardedResolver { class: Class::Operator, rules: Arc::new([]) };
    Client::new(resolver, tls().unwrap(), idle)
}

/// The answer to a request without a body, as far as its head.
async fn call(client: &Client, server: &Server) -> Result<Body, SendError> {
    let route = client.route(server.uri.clone()).unwrap();
    let request = Request::new(Bytes::new());
    client.send(&route, Box::new(request.map(Full::new))).await.map(http::Response::into_body)
}

async fn call_and_read(client: &Client, server: &Server) -> Result<Bytes, SendError> {
    read_body(call(client, server).await?, 1024).await
}

fn origin(client: &Client, server: &Server) -> Arc<Origin> {
    client.route(server.uri.clone()).unwrap().origin
}

#[tokio::test]
async fn calls_one_after_another_take_one_connection_however_their_answers_end() {
    for (answer, text) in [
        (WHOLE, "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", ""),
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
    ] {
        let (client, server) = (client(IDLE), Server::start(Script::new(answer)).await);
        for _ in 0..5 {
            assert_eq!(call_and_read(&client, &server).await.unwrap(), text, "{answer}");
        }
        assert_eq!(server.connections(), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole_and_the_next_takes_another() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let script = Script { answers: 1, ..Script::new(answer) };
        let (client, server) = (client(IDLE), Server::start(script).await);
        for _ in 0..3 {
            assert_eq!(call_and_read(&client, &server).await.unwrap(), "hello", "{answer}");
        }
        assert_eq!(server.connections(), 3, "{answer}");
    }
}

#[tokio::test]
async fn what_a_server_says_unasked_is_no_answer_to_the_next_request() {
    let unasked = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let (client, server) = (client(IDLE), Server::start(Script::new(unasked)).await);
    for calls in 1..4 {
        assert_eq!(call_and_read(&client, &server).await.unwrap(), "hello");
        assert_eq!(server.connections(), calls);
    }
}

#[tokio::test]
async fn a_request_that_finds_its_connection_closed_is_sent_over_another() {
    let closing = Arc::new(Semaphore::new(0));
    let script = Script { answers: 2, closing: closing.clone(), ..Script::new(WHOLE) };
    let (client, mut server) = (client(IDLE), Server::start(script).await);
    for closed in 1..4 {
        for _ in 0..2 {
            assert_eq!(call_and_read(&client, &server).await.unwrap(), "hello");
        }
        closing.add_permits(1);
        server.ended(closed).await;
        // The runtime is told of what has come.
        tokio::task::yield_now().await;
        assert_eq!(origin(&client, &server).held().idle.len(), 1, "it is found out by the call");
        assert_eq!(server.connections(), closed);
    }
}

#[tokio::test]
async fn a_server_that_closes_before_it_answers_is_not_asked_again() {
    let script = Script { answers: 0, ..Script::new(WHOLE) };
    let (client, server) = (client(IDLE), Server::start(script).await);
    let failed = call_and_read(&client, &server).await;
    assert!(matches!(failed, Err(SendError::NoAnswer(_))), "{failed:?}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_keeps_its_connection_if_it_is_there_and_ends_it_if_not() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    for (answer, connections, ended) in [(WHOLE, 1, 0), (half, 3, 3)] {
        let (client, mut server) = (client(IDLE), Server::start(Script::new(answer)).await);
        for _ in 0..3 {
            drop(call(&client, &server).await.unwrap());
        }
        assert_eq!(server.connections(), connections, "{answer}");
        server.ended(ended).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_an_error_and_its_connection_is_over() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let script = Script { answers: 1, ..Script::new(half) };
    let (client, server) = (client(IDLE), Server::start(script).await);
    let failed = call_and_read(&client, &server).await;
    assert!(matches!(failed, Err(SendError::NoAnswer(_))), "{failed:?}");
    assert!(!origin(&client, &server).is_connected());
}

#[tokio::test]
async fn calls_at_once_take_a_connection_each_and_no_more_wait_than_may() {
    const CALLS: usize = MOST_IDLE + 16;
    let together = Arc::new(Barrier::new(CALLS));
    let script = Script { together, ..Script::new(WHOLE) };
    let (client, mut server) = (client(IDLE), Server::start(script).await);
    let calls = (0..CALLS).map(|_| call_and_read(&client, &server));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "hello"));
    assert_eq!(server.connections(), CALLS);
    server.ended(CALLS - MOST_IDLE).await;
    assert_eq!(origin(&client, &server).held().idle.len(), MOST_IDLE);
}

#[tokio::test]
async fn who_waits_for_a_connection_gets_the_first_that_is_given_back() {
    let (client, server) = (client(IDLE), Server::start(Script::new(WHOLE)).await);
    let body = call(&client, &server).await.unwrap();
    let origin = origin(&client, &server);
    let (Err(gone), Err(given_back)) = (origin.take(), origin.take()) else {
        panic!("there is one connection alone, and it is busy");
    };
    drop(gone);
    assert_eq!(read_body(body, 1024).await.unwrap(), "hello");
    origin.give_back(given_back.await.unwrap());
    assert!(origin.take().is_ok());
}

#[tokio::test]
async fn a_connection_that_nobody_uses_for_its_time_is_closed_and_its_origin_forgotten() {
    let (client, mut server) =
        (client(Duration::from_millis(40)), Server::start(Script::new(WHOLE)).await);
    let origin = Arc::downgrade(&origin(&client, &server));
    call_and_read(&client, &server).await.unwrap();
    server.ended(1).await;
    soon(async {
        while origin.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_given_up_before_the_server_closes_it_by_its_own_word() {
    for (word, seconds) in [
        ("timeout=5, max=100", Some(4)),
        ("Timeout = 5", Some(4)),
        ("max=100,timeout=72", Some(71)),
        ("timeout=1", Some(0)),
        ("timeout=soon", None),
        ("timeout=18446744073709551615", None),
        ("timeout=4294967295", Some(4_294_967_294)),
        ("max=5", None),
    ] {
        let answer = format!("HTTP/1.1 204 No Content\r\nKeep-Alive: {word}\r\n\r\n").leak();
        let (client, server) = (client(IDLE), Server::start(Script::new(answer)).await);
        call_and_read(&client, &server).await.unwrap();
        let origin = origin(&client, &server);
        let kept = seconds.map_or(IDLE, |seconds| Duration::from_secs(seconds).min(IDLE));
        assert_eq!(origin.is_connected(), !kept.is_zero(), "{word}");
        tokio::time::pause();
        if !kept.is_zero() {
            tokio::time::advance(kept.saturating_sub(Duration::from_millis(1))).await;
            let Ok(Connection::Http1(http1)) = origin.take() else { panic!("{word}") };
            origin.give_back(http1);
        }
        tokio::time::advance(kept).await;
        assert!(origin.take().is_err(), "{word}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_task_that_has_had_most_of_its_turn_gets_its_answer_in_another() {
    let (client, server) = (client(IDLE), Server::start(Script::new(WHOLE)).await);
    for taken in 0..128 {
        let mut calling = pin!(call_and_read(&client, &server));
        let called = future::poll_fn(|cx| {
            for _ in 0..taken {
                if let Poll::Ready(share) = coop::poll_proceed(cx) {
                    share.made_progress();
                }
            }
            calling.as_mut().poll(cx)
        });
        assert_eq!(soon(called).await.unwrap(), "hello", "{taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_of_a_server_that_is_silent_do_not_wait_for_each_other() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: Uri = format!("https://{}/", silent.local_addr().unwrap()).parse().unwrap();
    let client = client(IDLE);
    let route = client.route(uri).unwrap();
    route.origin.note_http2(true);
    let began = Instant::now();
    let calls = (0..10).map(|_| client.send(&route, Box::default()));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(SendError::Unreachable(_)))));
    assert!(began.elapsed() <= Duration::from_secs(11), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_request_that_is_answered_before_its_end_is_sent_to_its_end() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let client = client(IDLE);
    let route = client.route(uri).unwrap();
    let request = Request::post("/").body(vec![0; LENGTH].into()).unwrap();
    let sending = client.send(&route, Box::new(request));
    let (answer, accepted) = tokio::join!(sending, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        stream
    });
    let mut stream = accepted;
    assert_eq!(read_body(answer.unwrap().into_body(), 1024).await.unwrap(), "");
    let mut received = 0;
    soon(async {
        while received < LENGTH {
            received += stream.read(&mut vec![0; 64 * 1024]).await.unwrap();
        }
    })
    .await;
    soon(async {
        while !route.origin.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_on_many_threads_get_their_answers_whoever_reads_them_and_whoever_leaves() {
    let pieces =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let (client, server) = (client(IDLE), Arc::new(Server::start(Script::new(pieces)).await));
    let callers = (0..16).map(|caller| {
        let (client, server) = (client.clone(), server.clone());
        tokio::spawn(async move {
            for call_number in 0..100 {
                let body = soon(call(&client, &server)).await.unwrap();
                match (caller + call_number) % 3 {
                    0 => drop(body),
                    1 => drop(tokio::spawn(read_body(body, 1024)).await.unwrap().unwrap()),
                    _ => assert_eq!(soon(read_body(body, 1024)).await.unwrap(), "hello"),
                }
                // One who leaves before the answer is there.
                let mut leaving = pin!(call(&client, &server));
                let _ = future::poll_fn(|cx| Poll::Ready(leaving.as_mut().poll(cx))).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn a_url_is_called_with_its_path_and_its_host() {
    for (url, path, host) in [
        ("http://notes.example", "/", "notes.example"),
        ("http://notes.example:80/a?b=c", "/a?b=c", "notes.example"),
        ("http://notes.example:443/", "/", "notes.example:443"),
        ("https://notes.example:443/", "/", "notes.example"),
        ("http://[::1]:8080/mcp", "/mcp", "[::1]:8080"),
    ] {
        let route = client(IDLE).route(url.parse().unwrap()).unwrap();
        assert_eq!(
            (route.path.to_string().as_str(), route.origin.host.to_str().unwrap()),
            (path, host)
        );
    }
    assert!(client(IDLE).route("/mcp".parse().unwrap()).is_none());
}
