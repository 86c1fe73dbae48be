//! The open loop: calls fall due at a fixed rate, whatever the answers do. A latency is counted from when
//! the call was due, so that what had to wait for a slow answer before it is slow as well.

use std::{thread, time::Duration};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::{JoinSet, spawn_blocking},
    time::Instant,
};

use crate::{
    connection::{Connection, micros},
    load::Worked,
};

/// Calls over the connections in turn, `rate` times a second, for `time` from `begun` on; the ids of each
/// count from `first`.
pub(crate) fn start(
    connections: Vec<Connection>,
    first: u64,
    begun: Instant,
    rate: f64,
    time: Duration,
) -> JoinSet<Worked> {
    let mut workers = JoinSet::new();
    let mut queues = Vec::with_capacity(connections.len());
    for connection in connections {
        let (queue, due) = mpsc::unbounded_channel();
        queues.push(queue);
        workers.spawn(answer_for(connection, first, due));
    }
    // A thread, since the runtime's own clock is only good for whole milliseconds.
    spawn_blocking(move || release(&queues, begun, rate, time));
    workers
}

/// Makes the calls of one connection as they fall due, and gives how long after that each was answered.
async fn answer_for(
    mut connection: Connection,
    first: u64,
    mut due: UnboundedReceiver<Instant>,
) -> Worked {
    let mut latencies = Vec::new();
    for id in first.. {
        let Some(due) = due.recv().await else { break };
        connection.call(id).await?;
        latencies.push(micros(due.elapsed()));
    }
    Ok((connection, latencies))
}

/// Hands out each call when it is due; ends early where a connection has failed.
fn release(queues: &[UnboundedSender<Instant>], begun: Instant, rate: f64, time: Duration) {
    for (due, queue) in schedule(rate, time).zip(queues.iter().cycle()) {
        let due = begun + due;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if queue.send(due).is_err() {
            return;
        }
    }
}

/// When calls are due within `time`, from its beginning, evenly spaced.
fn schedule(rate: f64, time: Duration) -> impl Iterator<Item = Duration> {
    let due = (0_u32..).map(move |number| Duration::from_secs_f64(f64::from(number) / rate));
    due.take_while(move |due| *due < time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_due_at_the_rate_however_late_the_last_one_is() {
        let due: Vec<_> = schedule(4.0, Duration::from_secs(1)).collect();
        assert_eq!(due, [0, 250, 500, 750].map(Duration::from_millis));
    }

    #[test]
    fn calls_go_to_the_connections_in_turn_with_the_time_at_which_they_were_due() {
        let (one, mut first) = mpsc::unbounded_channel();
        let (two, mut second) = mpsc::unbounded_channel();
        let begun = Instant::now();
        release(&[one, two], begun, 1_000.0, Duration::from_millis(3));
        let mut taken = || [first.try_recv().ok(), second.try_recv().ok()];
        let due = |millis| Some(begun + Duration::from_millis(millis));
        assert_eq!(taken(), [due(0), due(1)]);
        assert_eq!(taken(), [due(2), None]);
    }
}
