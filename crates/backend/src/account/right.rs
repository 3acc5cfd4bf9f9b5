//! What roles allow beyond what is one's own: the table.

use common::api::Role;

/// What only some may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// See all accounts.
    SeeAccounts,
    /// Disable and enable accounts.
    DisableAccounts,
    /// Delete accounts of others.
    DeleteAccounts,
    /// Give and take roles, and whatever is decided over those who have one.
    SetRoles,
    /// Read the audit log.
    ReadAudit,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SeeAccounts,
        Self::DisableAccounts,
        Self::DeleteAccounts,
        Self::SetRoles,
        Self::ReadAudit,
    ];

    /// Whether a role has it.
    pub const fn is_of(self, role: Role) -> bool {
        let (operator, auditor, admin) = match self {
            Self::SeeAccounts => (true, true, true),
            Self::DisableAccounts => (true, false, true),
            Self::DeleteAccounts => (false, false, true),
            Self::SetRoles => (false, false, true),
            Self::ReadAudit => (false, true, true),
        };
        match role {
            Role::User => false,
            Role::Operator => operator,
            Role::Auditor => auditor,
            Role::Admin => admin,
        }
    }

    /// In words, for the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeeAccounts => "see accounts",
            Self::DisableAccounts => "disable accounts",
            Self::DeleteAccounts => "delete accounts",
            Self::SetRoles => "set roles",
            Self::ReadAudit => "read the audit log",
        }
    }
}
