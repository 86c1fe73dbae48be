//! What one connector costs in memory that is held ready to be called.

use anyhow::Context as _;

use crate::{call, connection::Connection, copies, goals::Row, keyway::Plan, run};

/// How many connectors are called, each once, before anything is counted: by then what has a bound of its own, the
/// database's pages above all, is there.
const FIRST: u32 = 10_000;
/// How many are called then.
const CONNECTORS: u32 = 20_000;
/// In bytes.
const GOAL: f64 = 512.0;

/// Calls so many connectors of servers that ask for no credential, so that no token's length is in the figure.
///
/// # Errors
/// Where Keyway does not start, or a call fails.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Row> {
    let open = format!("http://{}{}", plan.upstream, call::OPEN_PATH);
    let statements = [
        copies::of_a_connector("copies", FIRST + CONNECTORS),
        format!(
            "UPDATE copies SET id = randomblob(16), slug = 'copy-' || rowid, url = '{open}', \
             health_status = 'ok'"
        ),
        "INSERT INTO connectors SELECT * FROM copies".to_owned(),
    ];
    let copy = copies::of_database(plan, "cached", &statements).await?;
    let target = copy.start_again().await?;
    target.warm_up().await?;
    let process = target.process.as_ref().context("Keyway is a process")?;
    let mut connection = Connection::open(&target, 0).await?;
    let mut before = process.resident()?;
    for number in 1..=FIRST + CONNECTORS {
        if number == FIRST + 1 {
            before = process.resident()?;
        }
        connection.turn_to(format!("/mcp/copy-{number}"));
        connection.call(u64::from(number)).await?;
    }
    let bytes = (process.resident()? - before) * 1024.0 / f64::from(CONNECTORS);
    run::end(vec![target]).await?;
    Ok(Row {
        figure: format!("resident for each of {CONNECTORS} cached connectors without a token"),
        goal: "≤ 512 bytes",
        measured: format!("{bytes:.0} bytes"),
        is_met: bytes <= GOAL,
    })
}
