//! What name servers do wrong, played by a name service of the test's own before the real connector.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper_util::client::legacy::connect::HttpConnector;
use keyway_oauth::http::SendError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{super::failure::unreachable, *};

/// One answer of the name service.
enum Told {
    Addresses(Vec<IpAddr>),
    Fault(&'static str),
    Nothing,
}

type Connector = HttpConnector<Scripted>;

/// Guards as the product does, and looks names up in a script.
#[derive(Clone)]
struct Scripted {
    guard: GuardedResolver,
    script: Arc<Mutex<VecDeque<Told>>>,
}

impl Scripted {
    fn next(&self) -> Told {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.pop_front().unwrap_or(Told::Addresses(Vec::new()))
    }
}

impl Service<Name> for Scripted {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (guard, told) = (self.guard.clone(), self.next());
        Box::pin(async move {
            let lookup = async {
                match told {
                    Told::Addresses(found) => {
                        Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)))
                    }
                    Told::Fault(text) => Err(io::Error::other(text)),
                    Told::Nothing => std::future::pending().await,
                }
            };
            Ok(guard.admitted(name.as_str(), lookup).await?.into_iter())
        })
    }
}

fn addresses(list: &[&str]) -> Told {
    Told::Addresses(list.iter().map(|address| address.parse().unwrap()).collect())
}

/// A connector that may reach `127.0.0.1` by the name, and what the name service will tell it.
fn connector(script: impl IntoIterator<Item = Told>) -> Connector {
    let rules = Arc::new(["names.example=127.0.0.1/32".parse().unwrap()]);
    let guard = GuardedResolver { class: Class::Allowed, rules };
    let script = Arc::new(Mutex::new(script.into_iter().collect()));
    HttpConnector::new_with_resolver(Scripted { guard, script })
}

/// A server on loopback that counts its connections, and says a byte over each.
async fn counting_server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://names.example:{}/", listener.local_addr().unwrap().port());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _said = stream.write_all(b"!").await;
        }
    });
    (url, count)
}

/// Whether the server is reached, or what its failure means, as the product tells it.
async fn reach(connector: &Connector, url: &str) -> Result<(), SendError> {
    let connected = connector.clone().call(url.parse().unwrap()).await;
    let mut stream = connected.map_err(|error| unreachable(&error))?.into_inner();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
    Ok(())
}

async fn failure(connector: &Connector, url: &str) -> SendError {
    reach(connector, url).await.unwrap_err()
}

fn cannot_be_reached(text: &str) -> SendError {
    SendError::Unreachable(text.to_owned())
}

fn blocked() -> SendError {
    SendError::Blocked(AddressRefused.to_string())
}

#[tokio::test]
async fn what_a_name_server_tells_is_what_is_connected_to_and_a_name_that_moves_inside_is_not() {
    let (url, connections) = counting_server().await;
    let moving = connector([
        addresses(&["127.0.0.1"]),
        addresses(&["10.0.0.1"]),
        addresses(&["169.254.169.254"]),
        addresses(&["127.0.0.1"]),
    ]);
    reach(&moving, &url).await.unwrap();
    assert_eq!(failure(&moving, &url).await, blocked());
    assert_eq!(failure(&moving, &url).await, blocked());
    reach(&moving, &url).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn one_address_inside_among_many_denies_the_name() {
    let (url, connections) = counting_server().await;
    let mut many = vec!["127.0.0.1"; 500];
    for inside in ["10.0.0.1", "::1", "::ffff:127.0.0.1"] {
        many.push(inside);
        assert_eq!(failure(&connector([addresses(&many)]), &url).await, blocked(), "{inside}");
        many.pop();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    let mixed = addresses(&["93.184.215.14", "192.168.1.1"]);
    let Told::Addresses(mixed) = mixed else { return };
    let public = GuardedResolver { class: Class::Public, rules: Arc::new([]) };
    let lookup = async { Ok(mixed.into_iter().map(|address| SocketAddr::new(address, 0))) };
    assert!(public.admitted("names.example", lookup).await.unwrap_err().is::<AddressRefused>());
}

#[tokio::test]
async fn a_name_server_that_fails_or_knows_no_address_makes_the_host_unreachable() {
    let (url, connections) = counting_server().await;
    let failing = connector([Told::Fault("SERVFAIL"), addresses(&[]), Told::Fault("NXDOMAIN")]);
    assert_eq!(failure(&failing, &url).await, cannot_be_reached("SERVFAIL"));
    assert_eq!(failure(&failing, &url).await, cannot_be_reached("the host has no address"));
    assert_eq!(failure(&failing, &url).await, cannot_be_reached("NXDOMAIN"));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_name_server_is_given_up_after_three_seconds() {
    let began = tokio::time::Instant::now();
    let silent = connector([Told::Nothing]);
    let failed = failure(&silent, "http://names.example:1/").await;
    assert_eq!(failed, cannot_be_reached("the name server is silent"));
    assert_eq!(began.elapsed().as_secs(), 3);
}
