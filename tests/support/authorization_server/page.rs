//! The sign-in page: a name, Allow and Deny.

use std::collections::HashMap;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:100vh;margin:0;\
background:light-dark(#f4f5f7,#17181b)}\
main{background:light-dark(#fff,#222428);padding:2rem;border-radius:14px;max-width:24rem;width:100%;\
box-sizing:border-box;box-shadow:0 8px 30px #0002}\
h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:.5rem 0 1rem}label{display:block;font-weight:600}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.6rem .7rem;margin:.3rem 0 1rem;\
border:1px solid #8888;border-radius:8px}\
ul{padding-left:1.2rem}.buttons{display:flex;gap:.7rem}\
button{font:inherit;flex:1;padding:.6rem;border-radius:8px;border:1px solid #8888;cursor:pointer;\
background:transparent;color:inherit}\
button[value=allow]{background:#2457d6;border-color:#2457d6;color:#fff}";

/// The page that asks for a name and a decision, and posts both to the same request.
pub(super) fn sign_in(query: &str, request: &HashMap<String, String>) -> String {
    let client = request.get("client_id").map_or("", String::as_str);
    let scopes = request.get("scope").map_or("", String::as_str);
    let body = format!(
        "<h1>Sign in</h1>\
         <p>The client <strong>{client}</strong> asks for access to your notes.</p>{scopes}\
         <form method=\"post\" action=\"/authorize?{query}\">\
         <label>Your name<input name=\"username\" autocomplete=\"username\" autofocus></label>\
         <div class=\"buttons\">\
         <button name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\">Deny</button></div></form>",
        client = escape(client),
        scopes = scope_list(scopes),
        query = escape(query),
    );
    page("Sign in", &body)
}

/// The page that says why the browser is not sent back.
pub(super) fn problem(text: &str) -> String {
    page("This will not work", &format!("<h1>This will not work</h1><p>{}.</p>", escape(text)))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    )
}

fn scope_list(scopes: &str) -> String {
    if scopes.is_empty() {
        return String::new();
    }
    let items: Vec<_> = scopes.split_whitespace().map(escape).collect();
    format!("<p>It may then:</p><ul><li>{}</li></ul>", items.join("</li><li>"))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
