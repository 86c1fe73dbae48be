//! Reading the first form of a page, and filling it in. Knows as much HTML as the pages under test use.

/// A form with its fields as they stand.
pub(super) struct Form {
    pub(super) action: String,
    inputs: Vec<(String, String)>,
    buttons: Vec<(String, String)>,
}

impl Form {
    /// The first form of the page that is sent by POST.
    pub(super) fn first_in(html: &str) -> Option<Self> {
        let start = html.find("<form")?;
        let end = html[start..].find("</form>")? + start;
        let form = &html[start..end];
        let opening = &form[..=form.find('>')?];
        if !attribute(opening, "method")?.eq_ignore_ascii_case("post") {
            return None;
        }
        Some(Self {
            action: attribute(opening, "action").unwrap_or_default(),
            inputs: named(form, "<input"),
            buttons: named(form, "<button"),
        })
    }

    /// The fields as they are sent when `user` typed the name and pressed `decision`, form-encoded.
    pub(super) fn filled(&self, user: &str, decision: &str) -> String {
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.inputs {
            let empty = value.is_empty();
            fields.append_pair(name, if empty { user } else { value });
        }
        let pressed = self.buttons.iter().find(|(_, value)| value == decision);
        if let Some((name, value)) = pressed.or(self.buttons.first()) {
            fields.append_pair(name, value);
        }
        fields.finish()
    }
}

/// Name and value of every such element that has a name.
fn named(form: &str, element: &str) -> Vec<(String, String)> {
    let tags = form.match_indices(element).filter_map(|(at, _)| {
        let tag = &form[at..];
        Some(&tag[..=tag.find('>')?])
    });
    tags.filter_map(|tag| {
        Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
    })
    .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let opening = format!(" {name}=\"");
    let start = tag.find(&opening)? + opening.len();
    let length = tag[start..].find('"')?;
    Some(unescape(&tag[start..start + length]))
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&#x27;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in_with_the_name_and_the_pressed_button() {
        let html = r#"<p>x<form method="post" action="/a?b=1&amp;c=2"><input name="who">
            <input type="hidden" name="t" value="&lt;1"><button name="d" value="allow">Yes</button>
            <button name="d" value="deny">No</button></form>"#;
        let form = Form::first_in(html).expect("there is a form");
        assert_eq!(form.action, "/a?b=1&c=2");
        assert_eq!(form.filled("ann", "deny"), "who=ann&t=%3C1&d=deny");
    }
}
