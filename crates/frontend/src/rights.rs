//! What roles let one do on the page. The server decides; here it is only about what to offer.

use common::api::{Role, Roles};

/// Whether there is anything for them on the page of accounts.
pub(crate) fn see_accounts(roles: &Roles) -> bool {
    roles.iter().any(|role| matches!(role, Role::Operator | Role::Auditor | Role::Admin))
}

/// Whether they read the audit log.
pub(crate) fn read_audit(roles: &Roles) -> bool {
    roles.iter().any(|role| matches!(role, Role::Auditor | Role::Admin))
}

/// Whether they disable, and enable again, an account that has these roles.
pub(crate) fn disable(roles: &Roles, theirs: &Roles) -> bool {
    roles.contains(&Role::Admin) || (roles.contains(&Role::Operator) && !see_accounts(theirs))
}

/// Whether they give roles, and delete accounts.
pub(crate) fn rule(roles: &Roles) -> bool {
    roles.contains(&Role::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(role: Role) -> Roles {
        Roles::from([Role::User, role])
    }

    #[test]
    fn each_role_is_offered_what_it_may() {
        for (role, sees, reads, disables, rules) in [
            (Role::User, false, false, false, false),
            (Role::Operator, true, false, true, false),
            (Role::Auditor, true, true, false, false),
            (Role::Admin, true, true, true, true),
        ] {
            let roles = only(role);
            assert_eq!(see_accounts(&roles), sees, "{role}");
            assert_eq!(read_audit(&roles), reads, "{role}");
            assert_eq!(disable(&roles, &only(Role::User)), disables, "{role}");
            assert_eq!(rule(&roles), rules, "{role}");
        }
    }

    #[test]
    fn operators_disable_nobody_who_looks_after_others() {
        for role in [Role::Operator, Role::Auditor, Role::Admin] {
            assert!(!disable(&only(Role::Operator), &only(role)), "{role}");
            assert!(disable(&only(Role::Admin), &only(role)), "{role}");
        }
    }
}
