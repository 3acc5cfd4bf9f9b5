//! The Easel server: a program PUTs a few values, and every viewer of that drawing sees the
//! picture change at once. ARCHITECTURE.md has the map of the rooms and what each may use.

pub mod account;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
mod connections;
pub mod delivery;
pub mod encode;
mod http;
pub mod hub;
pub mod idempotency;
pub mod lifecycle;
pub mod limit;
pub mod mail;
pub mod metrics;
pub mod outbox;
pub mod render;
pub mod server;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod ticket;
pub mod token;
pub mod webhook;
