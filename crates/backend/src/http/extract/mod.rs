//! From a request to what a handler may rely on: who is asking, what they may touch, and
//! what they sent, each checked once.

mod caller;
mod condition;
mod json;
mod session;
mod share;

pub(super) use self::{
    caller::MaybeCaller,
    condition::{IfMatch, IfNoneMatch},
    json::{Json, MergePatch, Query},
    session::{OwnedSession, OwnedSpace, PublicSession, PublicSpace, Readable, Segments, Suffix},
    share::{Changing, Creating, Minting, Rendering},
};
