//! The catalog: ours is right, the operator's is laid over it, every mistake is told with its line, and
//! a client goes to nobody it is not for.

use secrecy::ExposeSecret as _;

use super::*;

const ISSUER: &str = "https://as.example";
const MCP: &str = "https://mcp.example/mcp";

const WITH_CLIENT: &str = r#"
    [issuer."https://as.example"]
    client_id = "keyway"
    client_secret_file = "secret"
    origins = ["https://MCP.example:443/"]
    scopes = ["read", "write"]
    parameters = { access_type = "offline" }
    resource_mode = "omit"
    accept_issuer = "https://as.example/other"
"#;

fn read(text: &str) -> Result<Catalog, Vec<CatalogError>> {
    Catalog::with_file(text, &|name| match name {
        "secret" => Ok("hush".to_owned()),
        name => Err(format!("{name} cannot be read")),
    })
}

fn catalog(text: &str) -> Catalog {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

#[test]
fn ours_has_no_mistakes_and_gives_no_client() {
    let ours = Catalog::built_in().unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    assert!(ours.presets().len() >= 9);
    let by_hand = |id: &str| {
        let preset = ours.presets().iter().find(|preset| preset.id == id).expect("a preset");
        ours.client_of(preset) == PresetClient::ByHand
    };
    assert!(by_hand("github") && by_hand("slack") && by_hand("bigquery") && !by_hand("notion"));
    assert!(ours.issuers.iter().all(|issuer| issuer.client.is_none()));
    let google = ours.parameters("https://accounts.google.com");
    assert!(google.contains(&("access_type".to_owned(), "offline".to_owned())));
}

#[test]
fn the_operators_entries_are_added_and_replace_ours_by_name() {
    let catalog = catalog(
        r#"
        [preset.notion]
        name = "Our Notion"
        url = "https://notion.example/mcp"
        [preset.wiki]
        name = "Wiki"
        url = "https://mcp.example/mcp"
        [issuer."https://accounts.google.com"]
        [issuer."https://as.example"]
        client_id = "keyway"
        origins = ["https://mcp.example"]
        scopes = []
        "#,
    );
    let named = |id: &str| catalog.presets().iter().find(|preset| preset.id == id);
    assert_eq!(named("notion").map(|preset| preset.name.as_str()), Some("Our Notion"));
    assert!(named("github").is_some());
    let wiki = named("wiki").expect("the operator's own");
    assert_eq!(catalog.client_of(wiki), PresetClient::Provided);
    assert!(catalog.parameters("https://accounts.google.com").is_empty(), "replaced, not merged");
}

#[test]
fn a_client_is_given_only_where_issuer_and_origin_fit() {
    let catalog = catalog(WITH_CLIENT);
    let client = catalog.client(ISSUER, MCP).expect("a client");
    assert_eq!(
        client.client_secret.as_ref().map(|s| s.expose_secret().to_owned()),
        Some("hush".into())
    );
    assert!(catalog.client("https://as.example/other", "https://mcp.example/else").is_some());
    for (issuer, mcp_url) in [
        (ISSUER, "https://evil.example/mcp"),
        (ISSUER, "https://mcp.example.evil.example/mcp"),
        (ISSUER, "http://mcp.example/mcp"),
        (ISSUER, "https://mcp.example:8443/mcp"),
        (ISSUER, "https://mcp.example@evil.example/mcp"),
        (ISSUER, "not an address"),
        ("https://as.example/", MCP),
        ("https://AS.example", MCP),
        ("https://evil.example", MCP),
    ] {
        assert!(catalog.client(issuer, mcp_url).is_none(), "{issuer} {mcp_url}");
    }
}

#[test]
fn scopes_are_capped_to_the_entrys_list_and_never_left_to_the_server() {
    let catalog = catalog(WITH_CLIENT);
    let client = catalog.client(ISSUER, MCP).expect("a client");
    let capped = |wanted: &[&str]| {
        client.capped(&wanted.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(capped(&["admin", "write"]), ["write"]);
    assert_eq!(capped(&["admin"]), ["read", "write"]);
    assert_eq!(capped(&[]), ["read", "write"]);
}

#[test]
fn the_resource_is_left_out_only_for_the_origins_of_the_entry() {
    let catalog = catalog(WITH_CLIENT);
    let resource =
        |issuer: &str, mcp_url: &str| catalog.resource(issuer, mcp_url, mcp_url.to_owned());
    assert_eq!(resource(ISSUER, MCP), None);
    assert_eq!(resource(ISSUER, "https://evil.example"), Some("https://evil.example".to_owned()));
    assert_eq!(resource("https://other.example", MCP), Some(MCP.to_owned()));
    let other = self::catalog(
        r#"
        [issuer."https://as.example"]
        origins = ["https://mcp.example"]
        resource_mode = "override"
        resource = "api://notes"
        "#,
    );
    let named = other.resource(ISSUER, MCP, MCP.to_owned());
    assert_eq!(named.as_deref(), Some("api://notes"));
}

#[test]
fn exceptions_are_for_the_named_issuer() {
    let catalog = catalog(WITH_CLIENT);
    let ours = catalog.exceptions().iter().find(|exception| exception.issuer == ISSUER);
    let ours = ours.expect("an exception");
    assert_eq!(ours.accepted_issuer.as_deref(), Some("https://as.example/other"));
    assert!(!ours.missing_s256);
}

#[test]
fn every_mistake_is_told_with_its_line_and_no_secret() {
    let mistakes = read(
        r#"[preset."Bad Name"]
url = "ftp://x"
icon = "https://evil.example/pixel.png"
colour = "red"
[issuer."as.example"]
client_id = "c"
client_secret = "s3cret"
client_secret_file = "nowhere"
origins = ["https://mcp.example/mcp"]
parameters = { state = "x", prompt = 7 }
token_endpoint_auth_method = "magic"
resource_mode = "maybe"
allow_missing_s256 = "yes"
[presets]
"#,
    );
    let mistakes = mistakes.expect_err("mistakes");
    let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [1, 1, 2, 3, 4, 5, 5, 5, 8, 9, 10, 10, 11, 12, 13, 14], "{mistakes:#?}");
    assert!(mistakes.iter().all(|mistake| !mistake.advice.contains("s3cret")));
}

#[test]
fn what_belongs_together_must_come_together() {
    for (text, line) in [
        ("client_secret = \"s\"", 1),
        ("client_id = \"c\"\norigins = [\"https://mcp.example\"]", 1),
        ("client_id = \"c\"\nscopes = []", 1),
        ("resource_mode = \"omit\"", 1),
        ("resource = \"x\"", 2),
        ("resource_mode = \"override\"\norigins = [\"https://mcp.example\"]", 2),
        ("token_endpoint_auth_method = \"client_secret_basic\"", 2),
    ] {
        let mistakes = read(&format!("[issuer.\"https://as.example\"]\n{text}\n"));
        let mistakes = mistakes.expect_err(text);
        assert_eq!(mistakes[0].line, line, "{text}: {mistakes:?}");
    }
}

#[test]
fn broken_toml_is_told_with_its_line_and_not_repeated() {
    let mistakes =
        read("[preset.x]\nname = \"X\"\nclient_secret = \"s3cret\n").expect_err("mistakes");
    assert!(mistakes.iter().any(|mistake| mistake.line == 3), "{mistakes:?}");
    assert!(mistakes.iter().all(|mistake| !mistake.to_string().contains("s3cret")));
}
