//! From a request to what a handler may rely on: who is asking, what they may touch, and
//! what they sent, each checked once.

mod account;
mod caller;
mod condition;
mod host;
pub(super) mod idempotent;
mod json;
mod origin;
mod proof;
mod session;
mod share;

pub(super) use self::{
    account::{
        Allowed, ChangingAccount, DeletingAccount, From, Holder, Mailing, Over, OwnKeys,
        ReadingAudit, Refreshing, Registering, SeeingAccount, SeeingAccounts, SettingRoles,
        SigningIn,
    },
    caller::{Bearer, MaybeCaller, MaybeKey, has_token},
    condition::{IfMatch, IfNoneMatch, IfVersion},
    host::OurName,
    idempotent::Idempotent,
    json::{Json, MergePatch, OptionalJson, Query},
    origin::{TrustedOrigin, is_listed},
    proof::Proof,
    session::{
        Handing, OwnedSession, OwnedSpace, PublicSession, PublicSpace, Readable, Segments, Suffix,
        Watching, last_event_id,
    },
    share::{Changing, Creating, Minting, Rendering},
};
