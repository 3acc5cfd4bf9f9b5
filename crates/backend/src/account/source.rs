//! Who asks for something, and from where: what the audit log says of it.

use std::net::IpAddr;

use common::{
    UserId,
    api::{AuditAction, AuditResult},
};

use crate::store::{Aftermath, NewAuditEntry};

/// Who asks for something, and from where.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Who has shown who they are: a user id, or what no user id can be.
    pub actor: Option<String>,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
    /// The W3C trace id of the request.
    pub trace_id: Option<String>,
}

impl Source {
    /// Someone at the command line of this server.
    pub fn command_line() -> Self {
        Self { actor: Some("command line".to_owned()), ..Self::default() }
    }

    /// The same request, once it is known who sends it.
    pub fn acting(&self, user: &UserId) -> Self {
        Self { actor: Some(user.to_string()), ..self.clone() }
    }

    /// What was done.
    pub(super) fn done(&self, action: AuditAction, target: &UserId) -> Aftermath {
        self.entry(action, AuditResult::Done, Some(target), "")
    }

    /// What was tried.
    pub(super) fn refused(
        &self,
        action: AuditAction,
        target: Option<&UserId>,
        why: &str,
    ) -> Aftermath {
        self.entry(action, AuditResult::Refused, target, why)
    }

    /// What was done or tried, with more about it in words.
    pub(super) fn entry(
        &self,
        action: AuditAction,
        result: AuditResult,
        target: Option<&UserId>,
        detail: &str,
    ) -> Aftermath {
        let entry = NewAuditEntry {
            actor: self.actor.clone(),
            action,
            target: target.map(UserId::to_string),
            address: self.address,
            result,
            trace_id: self.trace_id.clone(),
            detail: detail.to_owned(),
        };
        Aftermath { audit: vec![entry], errands: Vec::new() }
    }
}

impl Aftermath {
    /// With something that remains to be done.
    pub(super) fn and(
        mut self,
        errands: impl IntoIterator<Item = crate::store::NewErrand>,
    ) -> Self {
        self.errands.extend(errands);
        self
    }
}
