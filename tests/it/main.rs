//! Keyway from outside, one scenario each: what people, hosts, operators and hostile servers do, and what
//! they get. One file per area.

mod accounts;
mod activity;
mod callback;
mod callback_forgeries;
mod catalog;
mod client_keys;
mod concurrency;
mod connectors;
mod doctor;
mod doors;
mod dpop;
mod engine;
mod events;
mod hostile;
mod hostile_answers;
mod launch;
mod machine_grants;
mod model_apis;
mod personal_tokens;
mod policy;
mod probe;
mod processes;
mod proxy;
mod quirks;
mod reference;
mod refresh;
mod replicas;
mod revocation;
mod scripted_servers;
mod service_keys;
mod sign_in;
mod ssrf;
mod step_up;
mod streams;
mod users;
