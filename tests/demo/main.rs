//! `make demo`: a small MCP server with its own sign-in page on loopback, for trying Keyway out. It is
//! the scripted servers of the tests at one address, with tools that do something. Nothing is kept.

mod notes;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use keyway_model::Clock;
use keyway_tests::{
    authorization_server::AuthorizationServer,
    mcp_server::{Handler, McpServer, Protection},
    serving::Bound,
};

use notes::Notes;

/// A protected demo MCP server with its own sign-in page.
#[derive(Parser)]
#[command(name = "keyway-demo")]
struct Options {
    /// The loopback port; PORT in the environment does the same.
    #[arg(long)]
    port: Option<u16>,
    /// How long an access token lives, in seconds. Short ones show how Keyway keeps them fresh.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    token_lifetime: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let port = options.port.or_else(port_of_environment).unwrap_or(8430);
    let bound = Bound::port(port).await.map_err(|error| {
        anyhow::anyhow!("port {port} cannot be used ({error}); choose another one with --port")
    })?;
    let origin = format!("http://localhost:{}", bound.address().port());
    let (authorization_server, pages) = AuthorizationServer::mounted(&origin, "", Clock::system());
    let lifetime = Duration::from_secs(options.token_lifetime);
    authorization_server.script(|script| {
        script.token_lifetime = lifetime;
        script.id_token = true;
    });
    let (mcp, endpoint) = McpServer::mounted(&origin, Protection::Tokens(authorization_server));
    offer_tools(&mcp);
    let _serving = bound.serve(pages.merge(endpoint));
    say_what_to_do(&mcp.url(), options.token_lifetime)?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the demo is no part of the configured product")]
fn port_of_environment() -> Option<u16> {
    std::env::var("PORT").ok()?.parse().ok()
}

fn offer_tools(mcp: &McpServer) {
    let notes = Arc::new(Notes::default());
    let (adding, listing) = (notes.clone(), notes);
    let handlers: [(&str, Handler); 4] = [
        ("notes.add", Arc::new(move |call| adding.add(call))),
        ("notes.list", Arc::new(move |call| listing.list(call))),
        ("time", Arc::new(|_| notes::time())),
        ("echo", Arc::new(notes::echo)),
    ];
    mcp.script(|script| {
        script.tools = notes::descriptors();
        script.handlers =
            handlers.into_iter().map(|(name, handler)| (name.to_owned(), handler)).collect();
    });
}

fn say_what_to_do(url: &str, lifetime: u64) -> io::Result<()> {
    let mut output = io::stdout();
    writeln!(output, "A demo MCP server is at\n\n    {url}\n")?;
    writeln!(output, "1. In Keyway's settings page, add a connector with this address.")?;
    writeln!(output, "2. Press \"Sign in\", type any name into the window and press Allow.")?;
    writeln!(output, "3. Call notes.add and notes.list; each name has notes of its own.\n")?;
    writeln!(output, "Access tokens live {lifetime} s here; Keyway renews them. Ctrl-C ends it.")?;
    output.flush()
}
