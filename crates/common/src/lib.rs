//! What the server and the page agree on: ids and their rules, the wire types, the
//! error codes, every URL, and the shape of tokens.
//!
//! Nothing here knows a clock, a socket, a store or a framework, so the crate compiles
//! for wasm32 with its default features. The `server` feature adds the half of [`jwt`]
//! that needs private keys and cryptography.

pub mod api;
pub mod etag;
pub mod frame;
pub mod id;
pub mod jwt;
pub mod path;

pub use frame::{Frame, Revision};
pub use id::{InvalidId, SessionAddress, SessionId, UserId};
