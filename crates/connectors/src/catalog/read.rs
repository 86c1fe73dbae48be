//! Reads the text of a catalog. Reading goes on after a mistake, so that all are reported together.

use keyway_oauth::discovery::Exception;
use secrecy::SecretString;
use toml::de::DeTable;

use super::{
    Catalog, CatalogClient, CatalogError, Issuer, Preset, ResourceMode, check,
    section::{Mistakes, Placed, Section},
};

const PRESET: &str = "name, description, url, icon, scopes, registration_help_url";
const ISSUER: &str = "client_id, client_secret, client_secret_file, token_endpoint_auth_method, \
     origins, scopes, parameters, resource_mode, resource, accept_issuer, allow_missing_s256";

/// Reads a file that the catalog names.
type Open<'a> = &'a dyn Fn(&str) -> Result<String, String>;

pub(super) fn catalog(text: &str, open: Open<'_>) -> Result<Catalog, Vec<CatalogError>> {
    let mut mistakes = Mistakes::new(text);
    let (document, broken) = DeTable::parse_recoverable(text);
    for error in &broken {
        // Not its Display, which repeats the line: it may hold a secret.
        mistakes.add(error.span().map_or(0, |span| span.start), error.message());
    }
    let mut document = Section::new(0, document.get_ref());
    let presets = document.tables(&mut mistakes, "preset");
    let presets = presets.into_iter().map(|(id, section)| preset(&mut mistakes, id, section));
    let presets = presets.collect();
    let issuers = document.tables(&mut mistakes, "issuer");
    let issuers =
        issuers.into_iter().map(|(name, section)| issuer(&mut mistakes, name, section, open));
    let issuers = issuers.collect();
    document.end(&mut mistakes, "[preset.…] and [issuer.\"…\"]");
    let mistakes = mistakes.into_found();
    if mistakes.is_empty() { Ok(Catalog::new(presets, issuers)) } else { Err(mistakes) }
}

fn preset(mistakes: &mut Mistakes<'_>, id: &str, mut section: Section<'_>) -> Preset {
    let checked = check::preset_id(id);
    keep(mistakes, section.at, checked);
    let name = section.needed(mistakes, "name");
    let url = section.needed(mistakes, "url");
    let url = url.and_then(|url| fitting(mistakes, url, check::mcp_url));
    let icon = section.text(mistakes, "icon");
    let help = section.text(mistakes, "registration_help_url");
    let preset = Preset {
        id: id.to_owned(),
        description: section.text(mistakes, "description").map(|text| text.value),
        icon: icon.and_then(|icon| fitting(mistakes, icon, check::icon)),
        scopes: scopes(mistakes, &mut section),
        registration_help_url: help.and_then(|help| fitting(mistakes, help, check::help_url)),
        name: name.map(|name| name.value).unwrap_or_default(),
        url: url.unwrap_or_default(),
    };
    section.end(mistakes, PRESET);
    preset
}

fn issuer(
    mistakes: &mut Mistakes<'_>,
    name: &str,
    mut section: Section<'_>,
    open: Open<'_>,
) -> Issuer {
    keep(mistakes, section.at, check::issuer(name));
    let mut origins = Vec::new();
    for text in section.texts(mistakes, "origins") {
        origins.extend(keep(mistakes, text.at, check::origin(&text.value)));
    }
    let mut parameters = Vec::new();
    for pair in section.pairs(mistakes, "parameters") {
        let known = keep(mistakes, pair.at, check::parameter(&pair.value.0));
        parameters.extend(known.map(|()| pair.value));
    }
    let accepted = section.text(mistakes, "accept_issuer");
    let exception = Exception {
        issuer: name.to_owned(),
        accepted_issuer: accepted.and_then(|text| fitting(mistakes, text, check::issuer)),
        missing_s256: section.flag(mistakes, "allow_missing_s256"),
    };
    let issuer = Issuer {
        issuer: name.to_owned(),
        client: client(mistakes, &mut section, open),
        resource: resource_mode(mistakes, &mut section),
        origins,
        parameters,
        exception,
    };
    let bound = issuer.client.is_some() || issuer.resource != ResourceMode::Send;
    if bound && issuer.origins.is_empty() {
        let advice = "a client and a resource_mode are for named MCP servers alone; write their \
                      origins = [\"https://…\"]";
        mistakes.add(section.at, advice);
    }
    section.end(mistakes, ISSUER);
    issuer
}

fn client(
    mistakes: &mut Mistakes<'_>,
    section: &mut Section<'_>,
    open: Open<'_>,
) -> Option<CatalogClient> {
    let at = section.at;
    let client_id = section.text(mistakes, "client_id");
    let lists_scopes = section.has("scopes");
    let scopes = scopes(mistakes, section);
    let client_secret = secret(mistakes, section, open);
    let method = section.text(mistakes, "token_endpoint_auth_method");
    let has_secret = client_secret.is_some();
    let method = method
        .and_then(|method| fitting(mistakes, method, |text| check::auth_method(text, has_secret)));
    let Some(client_id) = client_id else {
        if has_secret || method.is_some() || lists_scopes {
            let advice = "client_id is missing; write it, or leave the secret, the method and the \
                          scopes out";
            mistakes.add(at, advice);
        }
        return None;
    };
    if !lists_scopes {
        let advice = "write scopes = [\"…\"]: all that may be asked for with this client";
        mistakes.add(at, advice);
    }
    let client_id = client_id.value;
    Some(CatalogClient { client_id, client_secret, token_endpoint_auth_method: method, scopes })
}

fn secret(
    mistakes: &mut Mistakes<'_>,
    section: &mut Section<'_>,
    open: Open<'_>,
) -> Option<SecretString> {
    let written = section.text(mistakes, "client_secret");
    let Some(file) = section.text(mistakes, "client_secret_file") else {
        return written.map(|text| SecretString::from(text.value));
    };
    if written.is_some() {
        mistakes.add(file.at, "write either client_secret or client_secret_file, not both");
        return None;
    }
    let content = keep(mistakes, file.at, open(&file.value))?;
    Some(SecretString::from(content))
}

fn resource_mode(mistakes: &mut Mistakes<'_>, section: &mut Section<'_>) -> ResourceMode {
    let mode = section.text(mistakes, "resource_mode");
    let resource = section.text(mistakes, "resource");
    let at = mode.as_ref().or(resource.as_ref()).map_or(section.at, |text| text.at);
    match (mode.as_ref().map(|mode| mode.value.as_str()), resource) {
        (None | Some("send"), None) => ResourceMode::Send,
        (Some("omit"), None) => ResourceMode::Omit,
        (Some("override"), Some(resource)) => ResourceMode::Override(resource.value),
        (Some("override"), None) => {
            mistakes.add(at, "resource_mode override needs resource = \"…\"");
            ResourceMode::Send
        }
        (_, Some(_)) => {
            mistakes.add(at, "resource is written with resource_mode = \"override\" alone");
            ResourceMode::Send
        }
        (Some(_), None) => {
            mistakes.add(at, "resource_mode: write send, omit or override");
            ResourceMode::Send
        }
    }
}

fn scopes(mistakes: &mut Mistakes<'_>, section: &mut Section<'_>) -> Vec<String> {
    let texts = section.texts(mistakes, "scopes").into_iter();
    texts.filter_map(|text| fitting(mistakes, text, check::scope)).collect()
}

/// The text, if it passes.
fn fitting(
    mistakes: &mut Mistakes<'_>,
    text: Placed<String>,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Option<String> {
    keep(mistakes, text.at, check(&text.value)).map(|()| text.value)
}

/// What came of a check, or nothing and a mistake.
fn keep<T>(mistakes: &mut Mistakes<'_>, at: usize, checked: Result<T, String>) -> Option<T> {
    checked.map_err(|advice| mistakes.add(at, advice)).ok()
}
