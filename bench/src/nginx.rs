//! nginx as a pass-through, where it is installed: one process, kept connections, nothing buffered.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};

use crate::{
    process::{Process, Start},
    target::Target,
};

/// Where nginx is found, by its name or where distributions put it.
fn installed() -> Option<PathBuf> {
    let places = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];
    let found = |place: &&str| Command::new(place).arg("-v").output().is_ok();
    places.into_iter().find(found).map(PathBuf::from)
}

/// Starts nginx before `upstream`; `None` where it is not installed.
///
/// # Errors
/// Where it is installed and does not start.
pub(crate) async fn start(
    directory: &Path,
    upstream: SocketAddr,
    core: Option<usize>,
) -> anyhow::Result<Option<Target>> {
    let Some(program) = installed() else { return Ok(None) };
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let settings = directory.join("nginx.conf");
    fs::write(&settings, configuration(directory, address, upstream))?;
    let arguments = ["-p".as_ref(), directory.as_os_str(), "-c".as_ref(), settings.as_os_str()];
    let arguments: [&OsStr; 4] = arguments;
    let start = Start { program: &program, arguments: &arguments, environment: path(), core };
    let process = Process::start(&start)?;
    wait_until_it_listens(address).await?;
    Ok(Some(Target::plain("nginx", address, Some(process))))
}

/// The bench's own search path, by which nginx was found.
#[expect(clippy::disallowed_methods, reason = "the bench is no part of the configured product")]
fn path() -> BTreeMap<&'static str, String> {
    std::env::var("PATH").map(|path| ("PATH", path)).into_iter().collect()
}

async fn wait_until_it_listens(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("nginx does not listen on {address}")
}

fn configuration(directory: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off; master_process off; worker_processes 1;
pid {directory}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{
    access_log off; tcp_nodelay on; keepalive_requests 1000000000;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream server {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://server; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Connection \"\";
        }}
    }}
}}
"
    )
}
