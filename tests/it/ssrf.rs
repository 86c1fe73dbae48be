//! Addresses inside the network, in every spelling and at every door: the connector's URL, the metadata
//! that a challenge points to, what the metadata names, and redirects.

use futures_util::FutureExt;
use keyway_tests::{
    fault::Fault,
    keyway::Keyway,
    mcp_server::McpServer,
    process::Process,
    scene::{NOTES, Scene},
    settings::Settings,
};
use serde_json::json;
use tokio::net::TcpListener;

/// Addresses that nobody but an operator may open, as people write them to get past a filter.
const INSIDE: [&str; 44] = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0300.0250.0.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    "https:127.0.0.1",
    "https:///127.0.0.1/",
    "https:\\\\127.0.0.1\\",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://metadata.google.internal/",
    "https://METADATA.GOOGLE.INTERNAL./",
    "https://metadata/",
    "https://instance-data/",
    "https://10.0.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://LOCALHOST./",
    "https://ｌocalhost/",
    "https://localhost.localdomain/",
    "https://x.svc.cluster.local/",
    "https://printer.local/",
];

/// Texts that are no addresses anybody could open.
const UNUSABLE: [&str; 13] = [
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1:443@ok.example/",
    "https://user:pw@mcp.example/",
    "gopher://127.0.0.1:6379/_x",
    "file:///etc/passwd",
    "ftp://ok.example/",
    "data:text/html,x",
    "javascript:alert(1)",
    "jar:https://ok.example/!/",
    "ws://ok.example/",
    " https://ok.example/",
    "https://ok\t.example/",
    "https://[fe80::1%25eth0]/",
];

/// `tokens`, where 127.0.0.1 alone is admitted, by its literal.
async fn strict_scene() -> Scene {
    let only_literal = |settings: &mut Settings| {
        settings.set("KEYWAY_EGRESS_ALLOW", "127.0.0.1");
    };
    Scene::set(Settings::tokens, only_literal).await
}

/// Whether a start failed because of an address, and not by chance.
fn is_refusal(problem: &(u16, String)) -> bool {
    let codes = ["egress_refused", "metadata_invalid", "not_oauth"];
    codes.contains(&problem.1.as_str())
}

fn is_own_literal(address: &str) -> bool {
    let parsed = url::Url::parse(address).ok();
    parsed.is_some_and(|url| url.host_str() == Some("127.0.0.1"))
}

#[tokio::test]
async fn no_spelling_of_an_address_inside_becomes_a_connector() {
    let keyway = Keyway::start(Settings::tokens, |settings| {
        settings.set("KEYWAY_EGRESS_ALLOW", "mcp.lan=10.20.0.0/16");
    })
    .await;
    let api = keyway.api_of("alice");
    for url in INSIDE {
        let refused = api.create(json!({"url": url, "auth_type": "oauth"})).await.problem();
        assert_eq!(refused, (422, "egress_refused".to_owned()), "{url}");
    }
    for url in UNUSABLE {
        let refused = api.create(json!({"url": url, "auth_type": "oauth"})).await.problem();
        assert_eq!(refused, (400, "url_invalid".to_owned()), "{url}");
    }
    assert_eq!(api.get("/api/v1/connectors").await.expect(200)["connectors"], json!([]));
}

#[tokio::test]
async fn a_blocked_address_tells_nothing_of_what_listens_there() {
    let keyway = Keyway::start(Settings::tokens, |settings| {
        settings.set("KEYWAY_EGRESS_ALLOW", "mcp.lan=10.20.0.0/16");
    })
    .await;
    let api = keyway.api_of("alice");
    let probe = async |port: u16| {
        let url = format!("https://127.0.0.1:{port}/mcp");
        let report = api.post("/api/v1/connectors/probe", json!({ "url": url })).await.expect(200);
        assert_eq!(report["outcome"], "blocked");
        report.to_string().replace(&port.to_string(), "port")
    };
    let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(probe(listening.local_addr().unwrap().port()).await, probe(closed).await);
    assert!(listening.accept().now_or_never().is_none(), "something was opened");
}

#[tokio::test]
async fn no_address_inside_is_opened_where_a_challenge_points_to_it() {
    let scene = strict_scene().await;
    for url in INSIDE.iter().chain(&UNUSABLE).filter(|url| url.is_ascii() && !is_own_literal(url)) {
        let challenge = format!("Bearer resource_metadata=\"{url}\"");
        scene.mcp.script(|script| script.challenge = Some(challenge));
        let problem = scene.start().await.problem();
        assert!(is_refusal(&problem), "{url}: {problem:?}");
    }
    assert!(scene.authorization_server.log().is_empty());
}

#[tokio::test]
async fn no_address_inside_is_opened_where_metadata_names_it() {
    let scene = strict_scene().await;
    for url in INSIDE.iter().chain(&UNUSABLE).filter(|url| !is_own_literal(url)) {
        scene.mcp.script(|script| script.metadata = json!({"authorization_servers": [url]}));
        let problem = scene.start().await.problem();
        assert!(is_refusal(&problem), "issuer {url}: {problem:?}");
    }
    scene.mcp.script(|script| script.metadata = json!({}));
    for url in INSIDE.iter().chain(&UNUSABLE).filter(|url| !is_own_literal(url)) {
        for name in ["token_endpoint", "authorization_endpoint"] {
            scene.authorization_server.script(|script| script.metadata = json!({name: url}));
            let problem = scene.start().await.problem();
            assert!(is_refusal(&problem), "{name} {url}: {problem:?}");
        }
    }
    assert!(scene.authorization_server.log().to("/register").is_empty());
}

#[tokio::test]
async fn no_redirect_leads_inside_or_to_another_origin() {
    let canary = McpServer::open().await;
    let (scene, own) = (strict_scene().await, canary.url());
    let canaries = [own.clone(), canary.url_on_localhost()];
    let inside = INSIDE.iter().filter(|url| url.is_ascii()).map(|url| (*url).to_owned());
    let statuses = [301, 302, 303, 307, 308].into_iter().cycle();
    for (to, status) in inside.chain(canaries).zip(statuses) {
        let redirect = Fault::Answer(status, vec![("location", to.clone())], String::new());
        scene.authorization_server.script(|script| script.metadata_fault = Some(redirect));
        let problem = scene.start().await.problem();
        assert_eq!(problem, (502, "metadata_invalid".to_owned()), "{status} {to}");
    }
    assert!(canary.log().is_empty());
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let scene = Scene::new().await;
    let to =
        format!("{}/.well-known/oauth-authorization-server", scene.authorization_server.origin());
    scene.authorization_server.script(|script| script.metadata_fault = Some(Fault::Redirect(to)));
    assert_eq!(scene.start().await.problem(), (502, "metadata_invalid".to_owned()));
    assert!(scene.authorization_server.log().len() <= 8);
}

#[tokio::test]
async fn a_name_that_is_not_allowed_is_not_opened_although_its_address_is() {
    let scene = strict_scene().await;
    let canary = McpServer::open().await;
    let address = format!("{}/prm", canary.origin().replace("127.0.0.1", "localhost"));
    scene.mcp.script(|script| {
        script.challenge = Some(format!("Bearer resource_metadata=\"{address}\""));
    });
    assert_eq!(scene.start().await.problem(), (422, "egress_refused".to_owned()));
    assert!(canary.log().is_empty());
}

#[tokio::test]
async fn a_challenge_that_poisons_its_neighbour_or_is_relative_leads_nowhere_else() {
    let scene = Scene::new().await;
    let proper = format!("{}/.well-known/oauth-protected-resource/mcp", scene.mcp.origin());
    for challenge in [
        format!(
            r#"Basic realm="x, resource_metadata=\"http://169.254.169.254/\"", Bearer resource_metadata="{proper}""#
        ),
        format!(r#"Digest a="b", Bearer realm="x", resource_metadata="{proper}""#),
    ] {
        scene.mcp.script(|script| script.challenge = Some(challenge));
        scene.api.start(NOTES, json!({})).await.expect(200);
    }
    let relative = "Bearer resource_metadata=\"/.well-known/oauth-protected-resource/mcp\"";
    scene.mcp.script(|script| script.challenge = Some(relative.to_owned()));
    assert_eq!(scene.start().await.problem(), (502, "metadata_invalid".to_owned()));
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_never_used() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let (proxy, mcp) = (McpServer::open().await, McpServer::open().await);
    let mut settings = Settings::single_user(&directory);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        settings.set(name, proxy.origin());
    }
    let process = Process::serve(&settings, &directory).await;
    let probe = json!({"url": mcp.url()});
    let report = process.api().post("/api/v1/connectors/probe", probe).await.expect(200);
    assert_eq!(report["outcome"], "open", "{report}");
    let probe = json!({"url": mcp.url().replace("http://", "https://")});
    let report = process.api().post("/api/v1/connectors/probe", probe).await.expect(200);
    assert_eq!(report["outcome"], "unreachable", "{report}");
    assert!(proxy.log().is_empty());
}
