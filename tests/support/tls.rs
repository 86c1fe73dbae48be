//! TLS in front of a scripted server, with certificates that are good or bad in one way.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};
use url::Url;

/// What a server's certificate is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certified {
    /// For `localhost`, by the authority.
    Well,
    /// The same, but of years ago.
    Expired,
    /// By the authority, but for another host.
    OtherHost,
    /// By itself.
    BySelf,
}

/// A certificate authority of the test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// A new one; its certificate lies in `directory`.
    pub fn new(directory: &TempDir) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are needed");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of the test's own");
        let key = KeyPair::generate().expect("there is randomness");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        let file = directory.path().join("authority.pem");
        fs::write(&file, certificate.pem()).expect("a file can be written");
        Self { issuer: Issuer::new(params, key), file }
    }

    /// The file with its certificate.
    pub fn file(&self) -> String {
        self.file.display().to_string()
    }

    fn certificate(&self, kind: Certified, key: &KeyPair) -> Certificate {
        let host = if kind == Certified::OtherHost { "other.example" } else { "localhost" };
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name of a host");
        if kind == Certified::Expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let made = match kind {
            Certified::BySelf => params.self_signed(key),
            _ => params.signed_by(key, &self.issuer),
        };
        made.expect("a certificate can be made")
    }
}

/// A running TLS server; it ends when it is dropped.
pub struct TlsServer {
    port: u16,
    accepting: AbortHandle,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl TlsServer {
    /// Hands on what it decrypts to the plain server at this address.
    pub async fn in_front_of(plain: &str, authority: &Authority, kind: Certified) -> Self {
        Self::start(plain, authority, kind, &[]).await
    }

    /// The same, well certified, and chooses HTTP/2 (RFC 9113 §3.2) where it is offered.
    pub async fn with_http2(plain: &str, authority: &Authority) -> Self {
        Self::start(plain, authority, Certified::Well, &[b"h2"]).await
    }

    async fn start(plain: &str, authority: &Authority, kind: Certified, alpn: &[&[u8]]) -> Self {
        let plain = Url::parse(plain).expect("an address");
        let plain = plain.socket_addrs(|| None).expect("loopback")[0];
        let key = KeyPair::generate().expect("there is randomness");
        let chain = vec![authority.certificate(kind, &key).der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.expect("the key fits its certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound port has an address").port();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let accepted = connections.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = tokio::spawn(hand_on(acceptor.clone(), stream, plain));
                let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
                accepted.push(connection.abort_handle());
            }
        });
        Self { port, accepting: accepting.abort_handle(), connections }
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends all connections.
    pub fn hang_up(&self) {
        for connection in &*self.connections.lock().unwrap_or_else(PoisonError::into_inner) {
            connection.abort();
        }
    }

    /// The address of its MCP endpoint.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/mcp", self.port)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn hand_on(acceptor: TlsAcceptor, stream: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut decrypted = acceptor.accept(stream).await?;
    let mut plain = TcpStream::connect(to).await?;
    copy_bidirectional(&mut decrypted, &mut plain).await.map(drop)
}
