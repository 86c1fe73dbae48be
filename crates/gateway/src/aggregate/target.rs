//! Which connector a request means, and what it is called there.

use keyway_connectors::{contact::List, upstream::RawObject};
use keyway_model::{Caller, ConnectorKey, Slug};

use super::{
    client::Client,
    message::{INVALID_PARAMS, Refusal, Request},
    names::{Names, split_task, split_uri},
    relay::Ask,
    scope::Scope,
};
use crate::{catalogue, error::Result as GatewayResult, gateway::Gateway, names};

/// The error code of a resource that is not there (MCP 2025-11-25, resources).
pub(super) const RESOURCE_NOT_FOUND: i64 = -32002;

/// Where a request goes.
pub(super) struct Target {
    /// The connector.
    pub(super) connector: ConnectorKey,
    /// Its slug, where names are shown beside those of others.
    slug: Option<Slug>,
    /// The parameters with the server's own names.
    params: RawObject,
    /// The server's own name of what it is about.
    pub(super) name: Option<String>,
}

impl Target {
    /// How names of the connector are shown.
    pub(super) fn names(&self) -> Names<'_> {
        self.slug.as_ref().map_or(Names::Plain, Names::Of)
    }

    /// The request as the connector's server is to see it; without what a retry brings back, where that
    /// was Keyway's own.
    pub(super) fn ask(&self, method: &str, is_own_retry: bool) -> Ask {
        let mut params = self.params.clone();
        if is_own_retry {
            params.remove("inputResponses");
            params.remove("requestState");
        }
        let (connector, name) = (self.connector.clone(), self.name.clone());
        Ask { connector, method: method.to_owned(), params, name }
    }
}

/// Finds out where a request goes.
pub(super) async fn target(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    client: &Client,
    request: &Request,
) -> Result<Target, Refusal> {
    let method = request.method.as_str();
    if let Some(connector) = scope.plain() {
        let name = plain_name(method, &request.params)?;
        let params = request.params.clone();
        return Ok(Target { connector: connector.clone(), slug: None, params, name });
    }
    let finder = Finder { gateway, caller, scope, client };
    match method {
        "tools/call" => finder.named(request, List::Tools).await,
        "prompts/get" => finder.named(request, List::Prompts).await,
        "completion/complete" => finder.completed(request).await,
        "tasks/get" | "tasks/update" | "tasks/cancel" => finder.tasked(request).await,
        _ => finder.addressed(request).await,
    }
}

fn plain_name(method: &str, params: &RawObject) -> Result<Option<String>, Refusal> {
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(None),
    };
    text(params, member).map(Some)
}

fn text(params: &RawObject, member: &str) -> Result<String, Refusal> {
    params.text(member).ok_or_else(|| Refusal::params(format!("\"{member}\" must be a string")))
}

struct Finder<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    scope: &'a Scope,
    client: &'a Client,
}

impl Finder<'_> {
    async fn named(&self, request: &Request, list: List) -> Result<Target, Refusal> {
        let shown = text(&request.params, "name")?;
        let what = if list == List::Tools { "tool" } else { "prompt" };
        let unknown = || Refusal::params(format!("Unknown {what}: {shown}"));
        let (slug, rest) = names::split(&shown).ok_or_else(unknown)?;
        self.admit(&slug, unknown).await?;
        let name = self.original(&slug, &shown, rest, list).await;
        let mut params = request.params.clone();
        params.write("name", &name).map_err(|_| unknown())?;
        let connector = ConnectorKey::Slug(slug.clone());
        Ok(Target { connector, slug: Some(slug), params, name: Some(name) })
    }

    async fn addressed(&self, request: &Request) -> Result<Target, Refusal> {
        let shown = text(&request.params, "uri")?;
        let code = if self.client.is_stateless() { INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
        let unknown = || {
            let refusal = Refusal::new(http::StatusCode::OK, code, "Resource not found");
            refusal.with(&serde_json::json!({ "uri": shown }))
        };
        let (slug, uri) = split_uri(&shown).ok_or_else(unknown)?;
        self.admit(&slug, unknown).await?;
        let mut params = request.params.clone();
        params.write("uri", &uri).map_err(|_| unknown())?;
        let (connector, name) = (ConnectorKey::Slug(slug.clone()), Some(uri.to_owned()));
        Ok(Target { connector, slug: Some(slug), params, name })
    }

    /// A task is its server's, and of no other.
    async fn tasked(&self, request: &Request) -> Result<Target, Refusal> {
        let unknown = || Refusal::params("there is no such task");
        let shown = text(&request.params, "taskId")?;
        let (slug, id) = split_task(&shown).ok_or_else(unknown)?;
        self.admit(&slug, unknown).await?;
        let mut params = request.params.clone();
        params.write("taskId", &id).map_err(|_| unknown())?;
        let (connector, name) = (ConnectorKey::Slug(slug.clone()), Some(id.to_owned()));
        Ok(Target { connector, slug: Some(slug), params, name })
    }

    /// What is completed is the argument of a prompt or of a resource template.
    async fn completed(&self, request: &Request) -> Result<Target, Refusal> {
        let unknown = || Refusal::params("\"ref\" names no prompt and no resource template");
        let mut reference = request.params.object("ref").ok_or_else(unknown)?;
        let (slug, member, original) = if let Some(shown) = reference.text("name") {
            let (slug, rest) = names::split(&shown).ok_or_else(unknown)?;
            let name = self.original(&slug, &shown, rest, List::Prompts).await;
            (slug, "name", name)
        } else {
            let shown = reference.text("uri").ok_or_else(unknown)?;
            let (slug, uri) = split_uri(&shown).ok_or_else(unknown)?;
            (slug, "uri", uri.to_owned())
        };
        self.admit(&slug, unknown).await?;
        let mut params = request.params.clone();
        let written = reference.write(member, &original);
        written.and_then(|()| params.write("ref", &reference)).map_err(|_| unknown())?;
        Ok(Target {
            connector: ConnectorKey::Slug(slug.clone()),
            slug: Some(slug),
            params,
            name: None,
        })
    }

    async fn admit(&self, slug: &Slug, unknown: impl Fn() -> Refusal) -> Result<(), Refusal> {
        let admitted = self.scope.admits(self.gateway, self.caller, slug).await;
        if admitted.unwrap_or(false) { Ok(()) } else { Err(unknown()) }
    }

    /// The server's own name: one that was changed to fit carries a digest, and only the list tells what
    /// it stands for.
    async fn original(&self, slug: &Slug, shown: &str, rest: &str, list: List) -> String {
        if !names::may_be_changed(rest) {
            return rest.to_owned();
        }
        let found = self.look_up(slug, shown, list).await;
        found.ok().flatten().unwrap_or_else(|| rest.to_owned())
    }

    async fn look_up(&self, slug: &Slug, shown: &str, list: List) -> GatewayResult<Option<String>> {
        let members = self.scope.members(self.gateway, self.caller).await?;
        let Some(member) = members.iter().find(|member| member.slug == *slug) else {
            return Ok(None);
        };
        let Ok(found) = catalogue::list(self.gateway, self.caller, member, list).await else {
            return Ok(None);
        };
        let names = found.listed.items.iter().filter_map(|item| RawObject::of(item)?.text("name"));
        let mut names = names.filter(|name| names::qualified(slug, name) == shown);
        Ok(names.next())
    }
}
