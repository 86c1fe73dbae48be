//! How a probe is told in a terminal: two lines for each step, and a verdict.

use keyway_connectors::probe::{ProbeOutcome, ProbeReport, ProbedOAuth};
use keyway_oauth::discovery::{Fault, TraceStep};

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// Whether the terminal is told colours.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub(super) colours: bool,
}

impl Paint {
    /// The text in a colour (ECMA-48, select graphic rendition).
    fn with(self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The lines of a report. They hold no secrets: headers are not shown, and addresses without a query.
pub(super) fn lines(report: &ProbeReport, paint: Paint) -> Vec<String> {
    let steps = report.trace.iter().enumerate();
    let mut lines: Vec<String> = steps.flat_map(|(n, at)| step(n + 1, at, paint)).collect();
    if let Some(oauth) = &report.oauth {
        lines.extend(sign_in(oauth));
    }
    if let Some(detail) = &report.detail {
        lines.push(format!("    its sign-in cannot be used: {}", plain(detail)));
    }
    lines.push(verdict(report, paint));
    lines
}

fn step(number: usize, step: &TraceStep, paint: Paint) -> [String; 2] {
    let status = step.status.map_or_else(|| " - ".to_owned(), |status| status.to_string());
    let colour = match (step.fault, step.status) {
        (Some(_), _) => RED,
        (None, Some(200..=299)) => GREEN,
        (None, _) => YELLOW,
    };
    let head = format!(
        "{number:>2}. {} {} {}",
        paint.with(colour, &status),
        paint.with(BOLD, step.step),
        plain(&step.url)
    );
    let fault = step.fault.map_or_else(String::new, |fault| {
        paint.with(RED, &format!("; at fault: {}", whose(fault)))
    });
    let rule = paint.with(DIM, &format!("[{}]", step.rule));
    [head, format!("        {}{fault} {rule}", plain(&step.outcome))]
}

fn sign_in(oauth: &ProbedOAuth) -> Vec<String> {
    let scopes = if oauth.scopes.is_empty() {
        "left to the server".to_owned()
    } else {
        oauth.scopes.join(" ")
    };
    vec![
        String::new(),
        format!("    issuer        {}", plain(&oauth.issuer)),
        format!("    client        {}", oauth.registration.map_or("by hand", |kind| kind.as_str())),
        format!("    scopes        {}", plain(&scopes)),
        format!("    redirect URI  {}", oauth.redirect_uri),
    ]
}

/// The last line: what it is in words, and whose fault it is that it cannot be used.
fn verdict(report: &ProbeReport, paint: Paint) -> String {
    let (colour, text) = match report.outcome {
        ProbeOutcome::Open => (GREEN, "it works; no sign-in is needed"),
        ProbeOutcome::OAuth => (GREEN, "it works with a sign-in"),
        ProbeOutcome::ClientNeeded => (
            YELLOW,
            "sign-in needs a client registered by hand; register the redirect URI above and enter \
             the client id",
        ),
        ProbeOutcome::TokenNeeded => (
            YELLOW,
            "it wants a credential and offers no sign-in that works; try --header with an API key",
        ),
        ProbeOutcome::HeadersRejected => (RED, "it refuses the headers given; check the key"),
        ProbeOutcome::NotMcp => (RED, "the address answers, but not as an MCP server"),
        ProbeOutcome::Unreachable => (RED, "it cannot be reached, or fails"),
        ProbeOutcome::Blocked => (RED, "the egress policy does not admit it (KEYWAY_EGRESS_ALLOW)"),
    };
    let usable = matches!(report.outcome, ProbeOutcome::Open | ProbeOutcome::OAuth);
    let fault = report.trace.iter().rev().find_map(|step| step.fault).filter(|_| !usable);
    let fault = fault.map_or_else(String::new, |fault| format!("; at fault: {}", whose(fault)));
    paint.with(colour, &format!("{}: {text}{fault}", word(report.outcome)))
}

fn word(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Open => "open",
        ProbeOutcome::OAuth => "oauth",
        ProbeOutcome::ClientNeeded => "client_needed",
        ProbeOutcome::TokenNeeded => "token_needed",
        ProbeOutcome::HeadersRejected => "headers_rejected",
        ProbeOutcome::NotMcp => "not_mcp",
        ProbeOutcome::Unreachable => "unreachable",
        ProbeOutcome::Blocked => "blocked",
    }
}

fn whose(fault: Fault) -> &'static str {
    match fault {
        Fault::Server => "the MCP server",
        Fault::AuthorizationServer => "the authorization server",
        Fault::Policy => "Keyway's policy",
        Fault::Network => "the network",
    }
}

/// A server's text without what would steer the terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: ProbeOutcome, trace: Vec<TraceStep>) -> ProbeReport {
        ProbeReport {
            outcome,
            era: None,
            protocol_version: None,
            server: None,
            tools: None,
            oauth: None,
            detail: None,
            trace,
        }
    }

    fn failed(outcome: &str, fault: Option<Fault>) -> TraceStep {
        TraceStep {
            step: "initialize",
            url: "https://mcp.example/mcp".to_owned(),
            status: Some(502),
            outcome: outcome.to_owned(),
            rule: "MCP 2025-11-25, lifecycle".to_owned(),
            fault,
        }
    }

    const PLAIN: Paint = Paint { colours: false };

    #[test]
    fn each_step_has_its_status_rule_and_fault_and_the_last_line_the_verdict() {
        let step = failed("answered something else than JSON-RPC", Some(Fault::Server));
        let told = lines(&report(ProbeOutcome::Unreachable, vec![step]), PLAIN);
        assert_eq!(
            told,
            [
                " 1. 502 initialize https://mcp.example/mcp",
                "        answered something else than JSON-RPC; at fault: the MCP server \
                 [MCP 2025-11-25, lifecycle]",
                "unreachable: it cannot be reached, or fails; at fault: the MCP server",
            ]
        );
    }

    #[test]
    fn colours_are_told_only_where_they_are_wanted_and_a_server_tells_none() {
        let hostile = || vec![failed("\u{1b}]0;owned\u{7}\u{1b}[2J\r\n", None)];
        let plain = lines(&report(ProbeOutcome::Open, hostile()), PLAIN).join("");
        assert!(!plain.contains(char::is_control), "{plain:?}");
        let painted = lines(&report(ProbeOutcome::Open, hostile()), Paint { colours: true });
        assert!(painted.last().is_some_and(|line| line.starts_with("\u{1b}[32mopen")));
        assert!(painted[1].contains("]0;owned[2J") && !painted[1].contains("\u{1b}]"));
    }
}
