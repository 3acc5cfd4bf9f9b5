//! Stories across the whole of Easel: a file per area, a test per sentence.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test fail it like the test itself"
)]

mod accounts;
mod api_keys;
mod audit;
mod bad_input;
mod browser_private;
mod browser_streams;
mod cli;
mod cli_bench;
mod cli_client;
mod cli_keys;
mod conditions;
mod connections;
mod cookies;
mod cors;
mod drain;
mod errands;
mod fan_out;
mod fuzz_api;
mod gallery;
mod hostile_pictures;
mod hostile_templates;
mod idempotency;
mod keys;
mod lifetimes;
mod limits;
mod limits_quotas;
mod limits_viewers;
mod log_lines;
mod negotiation;
mod nodes;
mod nodes_accounts;
mod nodes_any_order;
mod nodes_faults;
mod openapi;
mod page;
mod page_accounts;
mod picture_attacks;
mod private;
mod problems;
mod public_sessions;
mod quickstart;
mod reference;
mod restart;
mod roles;
mod rooms;
mod sessions;
mod sign_ins;
mod silence;
mod smtp;
mod snapshots;
mod streams_compressed;
mod streams_departed;
mod streams_multipart;
mod streams_sse;
mod tickets;
mod tidy;
mod tokens;
mod traces;
mod webhooks;
