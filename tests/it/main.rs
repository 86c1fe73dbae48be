//! Keyway from outside, one scenario each: what people, hosts, operators and hostile servers do, and what
//! they get. One file per area.

mod callback;
mod concurrency;
mod connectors;
mod doors;
mod hostile;
mod launch;
mod probe;
mod processes;
mod proxy;
mod refresh;
mod replicas;
mod scripted_servers;
mod service_keys;
mod sign_in;
