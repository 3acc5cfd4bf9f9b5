//! Keys are made here and nowhere else.

use std::str::FromStr;

use common::{SessionAddress, UserId};

use crate::store::{Share, ShareOwner};

/// What stands before every key, so that two installations can share a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        match text.len() <= 64 && text.bytes().all(fine) {
            true => Ok(Self(text.to_owned())),
            false => Err("must be up to 64 letters, digits and -_.: characters"),
        }
    }
}

/// How keys are spelled.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
    clustered: bool,
}

impl Names {
    pub(super) fn new(prefix: &Prefix, clustered: bool) -> Self {
        Self { prefix: prefix.0.clone(), clustered }
    }

    /// On a Cluster, what is in braces decides where a key lives.
    fn tag(&self, name: &str) -> String {
        if self.clustered { format!("{{{name}}}") } else { name.to_owned() }
    }

    fn user(&self, user: &UserId) -> String {
        format!("{}user:{}:", self.prefix, self.tag(user.as_str()))
    }

    /// What belongs to the owner of a session: empty for public ones.
    fn owner(&self, address: &SessionAddress) -> String {
        address.owner.as_ref().map_or_else(|| self.prefix.clone(), |owner| self.user(owner))
    }

    /// How the keys of a user's sessions begin.
    pub(super) fn sessions_of(&self, user: &UserId) -> String {
        format!("{}session:", self.user(user))
    }

    /// A session; also the channel of its updates.
    pub(crate) fn session(&self, address: &SessionAddress) -> String {
        format!("{}session:{}", self.owner(address), address.id)
    }

    pub(super) fn list(&self, user: &UserId) -> String {
        format!("{}sessions", self.user(user))
    }

    /// A session, and its owner's accounts, where it has an owner.
    pub(super) fn own(&self, address: &SessionAddress) -> Vec<String> {
        let mut keys = vec![self.session(address)];
        if let Some(owner) = &address.owner {
            let user = self.user(owner);
            keys.extend(["sessions", "ends", "bytes"].map(|part| format!("{user}{part}")));
        }
        keys
    }

    /// What all sessions share.
    pub(super) fn index(&self) -> Vec<String> {
        let sessions = self.tag("sessions");
        ["ends", "rows", "usage", "epoch"]
            .map(|part| format!("{}{sessions}:{part}", self.prefix))
            .to_vec()
    }

    pub(super) fn keyring(&self) -> String {
        format!("{}keyring", self.prefix)
    }

    /// A ticket, and the tickets of its session's owner.
    pub(super) fn ticket(&self, address: &SessionAddress, hash: &str) -> Vec<String> {
        // The public ones are in one slot, too.
        let owner = match &address.owner {
            Some(owner) => self.user(owner),
            None if self.clustered => format!("{}{{tickets}}:", self.prefix),
            None => self.prefix.clone(),
        };
        vec![format!("{owner}ticket:{hash}"), format!("{owner}tickets")]
    }

    /// A request that may be sent again.
    pub(super) fn request(&self, hash: &str) -> String {
        format!("{}idempotency:{hash}", self.prefix)
    }

    /// The share of a user or of a session.
    pub(super) fn rate(&self, Share { limit, owner }: &Share) -> String {
        match owner {
            ShareOwner::User(user) => format!("{}rate:{limit}", self.user(user)),
            ShareOwner::Session(address) => format!("{}:rate:{limit}", self.session(address)),
            ShareOwner::Account(hash) => format!("{}rate:{limit}:{}", self.prefix, hex(hash)),
        }
    }
}

/// A hash as keys have it.
pub(super) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_contract() {
        let (owned, public) = ("alice/chart".parse().unwrap(), "chart".parse().unwrap());
        let alone = Names::new(&Prefix::default(), false);
        assert_eq!(alone.session(&owned), "user:alice:session:chart");
        assert_eq!(alone.session(&public), "session:chart");
        assert_eq!(alone.own(&owned)[1], "user:alice:sessions");
        let clustered = Names::new(&"live:".parse().unwrap(), true);
        assert_eq!(clustered.session(&owned), "live:user:{alice}:session:chart");
        assert_eq!(clustered.session(&public), "live:session:chart");
        assert_eq!(clustered.index()[0], "live:{sessions}:ends");
    }

    #[test]
    fn a_prefix_has_no_braces() {
        assert!("live:".parse::<Prefix>().is_ok());
        for bad in ["{a}", "a b", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }
}
