//! What a single value of a catalog must look like; each says what to write instead.

use keyway_oauth::{
    authorization,
    client_auth::{CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, PRIVATE_KEY_JWT},
};
use url::Url;

/// The longest icon, in bytes: it goes out with every list of presets.
const LONGEST_ICON: usize = 8 * 1024;
/// The longest icon that is text, in characters: an emoji may be made of several.
const LONGEST_TEXT_ICON: usize = 8;

pub(super) fn preset_id(id: &str) -> Result<(), String> {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !id.is_empty() && id.len() <= 40 && id.bytes().all(usual) {
        return Ok(());
    }
    Err(format!("{id:?}: name a preset with small letters, digits and hyphens"))
}

pub(super) fn mcp_url(text: &str) -> Result<(), String> {
    let form = "url: write the address of the MCP endpoint, https://…, without user and fragment";
    let url = web_address(text).ok_or(form)?;
    if url.fragment().is_none() { Ok(()) } else { Err(form.to_owned()) }
}

pub(super) fn icon(text: &str) -> Result<(), String> {
    let image = ["data:image/svg+xml", "data:image/png", "data:image/webp", "data:image/jpeg"];
    let is_image = image.iter().any(|kind| text.starts_with(kind)) && text.len() <= LONGEST_ICON;
    let is_text = text.chars().count() <= LONGEST_TEXT_ICON && !text.contains(char::is_control);
    if is_image || is_text {
        return Ok(());
    }
    Err("icon: write a letter, an emoji, or a data:image/… URI of at most 8 KiB; images of other \
         servers are not shown"
        .to_owned())
}

pub(super) fn help_url(text: &str) -> Result<(), String> {
    let form = "registration_help_url: write the https address of the page";
    let is_https = web_address(text).is_some_and(|url| url.scheme() == "https");
    if is_https { Ok(()) } else { Err(form.to_owned()) }
}

pub(super) fn issuer(text: &str) -> Result<(), String> {
    let form =
        "write the issuer exactly as its metadata has it, https://…, without query and fragment";
    let plain = |url: &Url| url.query().is_none() && url.fragment().is_none();
    if web_address(text).as_ref().is_some_and(plain) {
        return Ok(());
    }
    Err(format!("{text:?}: {form}"))
}

/// An origin, in the form in which it is compared.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let url = web_address(text)
        .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
    let form = "origins: write scheme and host such as https://mcp.example.com, without a path";
    url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| form.to_owned())
}

pub(super) fn scope(text: &str) -> Result<(), String> {
    let usual = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if !text.is_empty() && text.bytes().all(usual) {
        return Ok(());
    }
    Err("scopes: write each scope as a text of its own, without blanks".to_owned())
}

pub(super) fn auth_method(text: &str, has_secret: bool) -> Result<(), String> {
    match (text, has_secret) {
        ("none" | PRIVATE_KEY_JWT, false) | (CLIENT_SECRET_BASIC | CLIENT_SECRET_POST, true) => {
            Ok(())
        }
        ("none" | PRIVATE_KEY_JWT, true) => {
            Err("token_endpoint_auth_method: a client with a secret uses \
                               client_secret_basic or client_secret_post"
                .to_owned())
        }
        (CLIENT_SECRET_BASIC | CLIENT_SECRET_POST, false) => {
            Err(format!("{text} needs client_secret or client_secret_file"))
        }
        _ => Err("token_endpoint_auth_method: write none, client_secret_basic, \
                  client_secret_post or private_key_jwt"
            .to_owned()),
    }
}

pub(super) fn parameter(name: &str) -> Result<(), String> {
    if authorization::is_reserved(name) {
        return Err(format!("{name} is Keyway's own to set; leave it out"));
    }
    Ok(())
}

fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then_some(url)
}
