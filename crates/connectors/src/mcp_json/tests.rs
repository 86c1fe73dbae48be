//! The spellings in `cases.json`, which the settings page's reader is held to as well, and the way from a
//! file written here back to what it was written from.

use keyway_model::{AuthType, GrantType};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;
use crate::registry::NewOAuth;

#[derive(Deserialize)]
struct Case {
    about: String,
    file: Box<RawValue>,
    servers: Vec<Expected>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    name: String,
    url: Option<String>,
    headers: Vec<String>,
    to_enter: Vec<String>,
    disabled: bool,
    refused: Option<String>,
}

impl From<Entry> for Expected {
    fn from(Entry { name, server }: Entry) -> Self {
        match server {
            Ok(Server { connector, to_enter }) => Self {
                name,
                url: Some(connector.url),
                headers: connector.headers.into_iter().map(|(name, _)| name).collect(),
                to_enter,
                disabled: connector.enabled == Some(false),
                refused: None,
            },
            Err(why) => Self { name, refused: Some(why), ..Self::default() },
        }
    }
}

/// What is read of the one server of the file.
fn only(file: &str) -> Server {
    let mut entries = read(file).unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0).server.unwrap()
}

#[test]
fn every_spelling_is_read() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    assert!(cases.len() > 5);
    for case in cases {
        let entries = read(case.file.get()).unwrap().into_iter();
        assert_eq!(entries.map(Expected::from).collect::<Vec<_>>(), case.servers, "{}", case.about);
    }
}

#[test]
fn a_server_without_a_member_of_keyways_is_named_as_in_the_file_and_probed() {
    let server = only(r#"{"mcpServers": {"My Notes": {"url": "https://notes.example/mcp"}}}"#);
    assert_eq!(server.connector.name.as_deref(), Some("My Notes"));
    assert!(server.connector.slug.is_none() && server.connector.auth_type.is_none());
}

#[test]
fn a_header_that_is_to_be_entered_speaks_against_a_sign_in() {
    let server = only(r#"{"servers": {"a": {"url": "u", "headers": {"X-Key": "${env:KEY}"}}}}"#);
    assert_eq!(server.connector.auth_type, Some(AuthType::Headers));
}

#[test]
fn what_lists_no_servers_is_told_from_what_is_no_json() {
    let commented = "{\n  // servers\n  \"mcpServers\": {}}";
    assert!(matches!(read(commented), Err(Malformed::NotJson { line: 2, .. })));
    for text in ["[]", "{}", "5", r#"{"mcpServers": []}"#, r#"{"mcpServers": null}"#] {
        assert!(matches!(read(text), Err(Malformed::NoServers)), "{text}");
    }
    assert!(read("\u{feff}{\"servers\": {}}").unwrap().is_empty());
}

#[test]
fn a_member_of_keyways_that_is_not_known_is_named() {
    let text = r#"{"mcpServers": {"a": {"url": "u", "keyway": {"colour": "red"}}}}"#;
    let refused = read(text).unwrap().remove(0).server.err().unwrap();
    assert!(refused.contains("colour"), "{refused}");
}

#[test]
fn a_secret_that_is_no_text_is_not_quoted() {
    let text =
        r#"{"mcpServers": {"a": {"url": "u", "keyway": {"oauth": {"client_secret": 4711}}}}}"#;
    let refused = read(text).unwrap().remove(0).server.err().unwrap();
    assert!(refused.contains("must be text") && !refused.contains("4711"), "{refused}");
}

#[test]
fn what_is_written_is_read_back_with_its_secrets() {
    let connector = NewConnector {
        url: "https://robot.example/mcp".into(),
        name: Some("Robot".into()),
        auth_type: Some(AuthType::OAuth),
        headers: vec![("X-Tenant".into(), "t-1".into()), ("A-Region".into(), "eu".into())],
        oauth: Some(NewOAuth {
            grant: Some(GrantType::ClientCredentials),
            client_id: Some("robot".into()),
            client_secret: Some("hush".into()),
            scopes: Some(vec!["read".into()]),
            ..NewOAuth::default()
        }),
        pinned_protocol_version: Some("2025-11-25".into()),
        enabled: Some(false),
        read_only: true,
        ..NewConnector::default()
    };
    let slug = "robot-2".parse().unwrap();
    let file = write(vec![(slug, Server { connector, to_enter: Vec::new() })]).unwrap();
    let read = only(file.expose_secret()).connector;
    assert_eq!(read.slug.as_deref(), Some("robot-2"));
    assert_eq!(
        (read.name.as_deref(), read.enabled, read.read_only),
        (Some("Robot"), Some(false), true)
    );
    let headers: Vec<_> = read.headers.iter().map(|(n, v)| (&**n, v.expose_secret())).collect();
    assert_eq!(headers, [("X-Tenant", "t-1"), ("A-Region", "eu")]);
    let oauth = read.oauth.unwrap();
    assert_eq!(oauth.grant, Some(GrantType::ClientCredentials));
    assert_eq!(oauth.client_secret.unwrap().expose_secret(), "hush");
}

#[test]
fn a_header_without_its_value_is_written_as_a_variable() {
    let connector =
        NewConnector { url: "https://keys.example/mcp".into(), ..NewConnector::default() };
    let server = Server { connector, to_enter: vec!["X-Api-Key".into()] };
    let file = write(vec![("keys".parse().unwrap(), server)]).unwrap();
    assert!(file.expose_secret().contains(r#""X-Api-Key": "${X_API_KEY}""#));
    assert_eq!(only(file.expose_secret()).to_enter, ["X-Api-Key"]);
}
