//! The settings, one table of mistakes, and `.env.example`.

use std::{collections::BTreeMap, io::Write as _};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What is set, and the variables that are named for it.
type Mistake = (&'static [(&'static str, &'static str)], &'static [&'static str]);

fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    Config::from_environment(&|name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn refused(variables: &[(&str, &str)]) -> Vec<String> {
    let Err(errors) = read(variables) else { return Vec::new() };
    errors.into_iter().map(|error| error.variable).collect()
}

#[test]
fn nothing_needs_to_be_set() {
    let config = read(&[]).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8420");
    assert!(config.public_url.is_none());
    assert!(config.is_single_user());
    let MasterKeys::Beside { keys, .. } = config.master_keys else { panic!("given") };
    assert_eq!(keys.to_str(), Some("data/master.keys"));
}

#[test]
fn each_mistake_names_its_variable() {
    let table: &[Mistake] = &[
        (&[("KEYWAY_LISTEN", "localhost")], &["KEYWAY_LISTEN"]),
        (&[("KEYWAY_LISTEN", "0.0.0.0:8420")], &["KEYWAY_LISTEN"]),
        (&[("KEYWAY_PUBLIC_URL", "https://keyway.example")], &["KEYWAY_PUBLIC_URL"]),
        (&[("KEYWAY_PUBLIC_URL", "http://localhost/path")], &["KEYWAY_PUBLIC_URL"]),
        (
            &[("KEYWAY_AUTH", "tokens"), ("KEYWAY_PUBLIC_URL", "http://keyway.example")],
            &["KEYWAY_PUBLIC_URL"],
        ),
        (&[("KEYWAY_METRICS_LISTEN", "yes")], &["KEYWAY_METRICS_LISTEN"]),
        (&[("KEYWAY_DATABASE_URL", "mysql://x")], &["KEYWAY_DATABASE_URL"]),
        (&[("KEYWAY_DATABASE_URL", "postgres://x/y")], &["KEYWAY_MASTER_KEYS"]),
        (&[("KEYWAY_AUTH", "none")], &["KEYWAY_AUTH"]),
        (
            &[("KEYWAY_AUTH", "tokens"), ("KEYWAY_JWT_SECRET", SECRET)],
            &["KEYWAY_JWT_ISSUER", "KEYWAY_JWT_AUDIENCE"],
        ),
        (&[("KEYWAY_AUTH", "tokens"), ("KEYWAY_JWT_SECRET", "short")], &["KEYWAY_JWT_SECRET"]),
        (
            &[("KEYWAY_AUTH", "tokens"), ("KEYWAY_JWT_JWKS_URL", "file:///keys")],
            &["KEYWAY_JWT_JWKS_URL"],
        ),
        (
            &[
                ("KEYWAY_AUTH", "tokens"),
                ("KEYWAY_JWT_SECRET", SECRET),
                ("KEYWAY_JWT_JWKS_URL", "https://a.example/jwks"),
            ],
            &["KEYWAY_JWT_SECRET"],
        ),
        (&[("KEYWAY_HOST_ORIGINS", "https://a.example, null")], &["KEYWAY_HOST_ORIGINS"]),
        (&[("KEYWAY_CLIENT_METADATA_URL", "http://a.example/x")], &["KEYWAY_CLIENT_METADATA_URL"]),
        (&[("KEYWAY_EGRESS_ALLOW", "10.0.0.0/99")], &["KEYWAY_EGRESS_ALLOW"]),
        (&[("KEYWAY_MASTER_KEYS", "k1:c2hvcnQ=")], &["KEYWAY_MASTER_KEYS"]),
        (&[("KEYWAY_REGISTRATION", "shared")], &["KEYWAY_REGISTRATION"]),
        (&[("KEYWAY_CATALOG", "/nowhere/catalog.toml")], &["KEYWAY_CATALOG"]),
        (&[("KEYWAY_LOG", "a=b=c")], &["KEYWAY_LOG"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")], &["OTEL_EXPORTER_OTLP_ENDPOINT"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:p@c:1")], &["OTEL_EXPORTER_OTLP_ENDPOINT"]),
    ];
    for (variables, names) in table {
        assert_eq!(refused(variables), *names, "{variables:?}");
    }
}

#[test]
fn spans_go_below_the_address_of_the_collector() {
    let collector = |endpoint| {
        let config = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        let traces = config.unwrap_or_else(|errors| panic!("{errors:?}")).traces;
        traces.map(|traces| traces.collector.to_string())
    };
    assert_eq!(collector(""), None);
    let below = |prefix: &str| Some(format!("http://collector:4318{prefix}/v1/traces"));
    assert_eq!(collector("http://collector:4318"), below(""));
    assert_eq!(collector("http://collector:4318/otlp/"), below("/otlp"));
}

#[test]
fn every_mistake_is_reported_at_once() {
    let wrong = [("KEYWAY_LISTEN", "x"), ("KEYWAY_REGISTRATION", "y"), ("KEYWAY_AUTH", "z")];
    assert_eq!(refused(&wrong), ["KEYWAY_LISTEN", "KEYWAY_AUTH", "KEYWAY_REGISTRATION"]);
}

#[test]
fn a_secret_may_come_from_a_file_but_not_twice() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{KEY}").unwrap();
    let path = file.path().to_str().unwrap();
    let config = read(&[("KEYWAY_MASTER_KEYS_FILE", path)]).unwrap_or_else(|e| panic!("{e:?}"));
    let MasterKeys::Given(keys) = config.master_keys else { panic!("not read") };
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["k1"]);
    let twice = [("KEYWAY_MASTER_KEYS_FILE", path), ("KEYWAY_MASTER_KEYS", KEY)];
    assert!(refused(&twice).contains(&"KEYWAY_MASTER_KEYS".to_owned()));
    assert_eq!(refused(&[("KEYWAY_MASTER_KEYS_FILE", "/nowhere")]), ["KEYWAY_MASTER_KEYS_FILE"]);
}

#[test]
fn the_example_file_lists_every_setting_with_its_default() {
    let example = include_str!("../../../../.env.example");
    let mut listed = BTreeMap::new();
    let mut comment = false;
    for line in example.lines() {
        let is_name = |name: &str| name.starts_with("KEYWAY_") || name.starts_with("OTEL_");
        match line.strip_prefix("# ").and_then(|line| line.split_once('=')) {
            Some((name, value)) if is_name(name) => {
                assert!(comment, "{name} has no comment above it");
                listed.insert(name.to_owned(), value.to_owned());
            }
            _ => comment = line.starts_with("# "),
        }
    }
    let settings = settings::ALL.iter();
    let known: BTreeMap<_, _> =
        settings.map(|setting| (setting.name.to_owned(), setting.default.to_owned())).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_example_file_names_the_file_variants_of_secrets() {
    let example = include_str!("../../../../.env.example");
    for setting in settings::ALL {
        let variant = format!("{}_FILE", setting.name);
        assert_eq!(example.contains(&variant), setting.secret, "{variant}");
    }
}
