//! A server that writes bytes of the test's choice, for answers that no HTTP library would send.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// A running server; it ends when it is dropped.
pub struct RawServer {
    origin: String,
    asked: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl RawServer {
    /// Answers every request with `head`, then with `piece` for ever, ten times a second; with an empty
    /// `piece` it closes the connection after the head.
    pub async fn start(head: impl Into<Vec<u8>>, piece: &'static str) -> Self {
        let head: Vec<u8> = head.into();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound port has an address");
        let asked = Arc::<AtomicUsize>::default();
        let counted = asked.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, head.clone(), piece, counted.clone()));
            }
        });
        let (origin, accepting) = (format!("http://{address}"), accepting.abort_handle());
        Self { origin, asked, accepting }
    }

    /// How many requests have come.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The origin it is served at.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    head: Vec<u8>,
    piece: &str,
    asked: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut request = [0; 16 * 1024];
    let _read = stream.read(&mut request).await?;
    asked.fetch_add(1, Ordering::SeqCst);
    stream.write_all(&head).await?;
    while !piece.is_empty() {
        stream.write_all(piece.as_bytes()).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stream.shutdown().await
}
