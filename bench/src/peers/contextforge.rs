//! ContextForge with one process on SQLite. The server is registered over its API; its limit of a hundred
//! calls in a minute is off, and loopback is let through.

use http::HeaderMap;
use serde_json::json;

use super::{Peer, Place, Setup};
use crate::{call, keyway, load};

pub(crate) const PEER: Peer = Peer {
    name: "ContextForge",
    package: "mcp-contextforge-gateway",
    version: "1.1.0",
    requirements: include_str!("../../peers/contextforge.txt"),
    at_least: 1_000.0,
    setup,
};

/// For a process that lives as long as the bench.
const JWT_SECRET: &str = "signs for the bench alone: 0123456789abcdef";
const SEALING_SECRET: &str = "seals for the bench alone: fedcba9876543210";
const PASSWORD: &str = "For.the-bench.4lone";
const ADMINISTRATOR: &str = "admin@example.com";

fn setup(place: &Place<'_>) -> anyhow::Result<Setup> {
    let database = place.directory.join("contextforge.db");
    let jwt = keyway::jwt(
        JWT_SECRET,
        json!({"iss": "mcpgateway", "aud": "mcpgateway-api", "sub": ADMINISTRATOR, "jti": "bench",
            "token_use": "session", "is_admin": true, "teams": null,
            "user": {"email": ADMINISTRATOR, "is_admin": true, "auth_provider": "local"}}),
    )?;
    let server = json!({"name": "bench", "url": place.server(), "transport": "STREAMABLEHTTP",
        "auth_type": "authheaders",
        "auth_headers": [{"key": call::KEY_HEADER.as_str(), "value": call::KEY}]});
    let quiet = ["--log-level", "error"];
    Ok(Setup {
        command: [place.command("mcpgateway", &quiet), place.listening()].concat(),
        environment: vec![
            ("DATABASE_URL", format!("sqlite:///{}", database.display())),
            ("JWT_SECRET_KEY", JWT_SECRET.to_owned()),
            ("AUTH_ENCRYPTION_SECRET", SEALING_SECRET.to_owned()),
            ("PLATFORM_ADMIN_EMAIL", ADMINISTRATOR.to_owned()),
            ("PLATFORM_ADMIN_PASSWORD", PASSWORD.to_owned()),
            ("DEFAULT_USER_PASSWORD", PASSWORD.to_owned()),
            ("SSRF_ALLOW_LOCALHOST", "true".to_owned()),
            ("RATE_LIMITING_ENABLED", "false".to_owned()),
        ],
        path: "/mcp/",
        caller: HeaderMap::from_iter([load::bearer(&jwt)?]),
        registration: Some(("/gateways", server)),
    })
}
