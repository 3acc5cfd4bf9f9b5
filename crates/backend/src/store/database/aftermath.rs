//! What is written together with a change: the audit log's entries and errands.

use time::OffsetDateTime;

use super::connection::{Transaction, values};
use crate::store::{After, Aftermath, NewAuditEntry, NewErrand, StoreError};

/// An errand that is known already is not written again.
const ERRAND: &str = "INSERT INTO outbox (id, kind, payload, created_at, due_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";

const ENTRIES: &str = "INSERT INTO audit \
     (position, at, actor, action, target, address, result, trace_id, detail) VALUES ";

impl Transaction {
    /// Makes a change last, with what is said of it.
    pub(super) async fn keep<Outcome>(
        mut self,
        outcome: Outcome,
        after: After<'_, Outcome>,
        now: OffsetDateTime,
    ) -> Result<Outcome, StoreError> {
        let aftermath = after(&outcome);
        self.write(&aftermath, now).await?;
        self.commit().await?;
        Ok(outcome)
    }

    /// Ends what has changed nothing; what is said of it lasts.
    pub(super) async fn refuse<Outcome>(
        mut self,
        outcome: Outcome,
        after: After<'_, Outcome>,
        now: OffsetDateTime,
    ) -> Result<Outcome, StoreError> {
        let aftermath = after(&outcome);
        if !aftermath.is_empty() {
            self.write(&aftermath, now).await?;
            self.commit().await?;
        }
        Ok(outcome)
    }

    /// Writes an aftermath. This comes last: whoever writes another one waits for the commit.
    pub(super) async fn write(
        &mut self,
        aftermath: &Aftermath,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        // Two that know the same errands wait for each other in one order.
        let mut errands: Vec<&NewErrand> = aftermath.errands.iter().collect();
        errands.sort_by(|one, other| one.id.cmp(&other.id));
        for NewErrand { id, kind, payload, due_at } in errands {
            let values = values![id, kind.as_str(), payload, now, *due_at];
            self.execute(ERRAND, values).await?;
        }
        if aftermath.audit.is_empty() {
            return Ok(());
        }
        let first = self.places("audit", aftermath.audit.len()).await?;
        let rows = (first..).zip(&aftermath.audit).map(|(position, entry)| {
            let NewAuditEntry { actor, action, target, address, result, trace_id, detail } = entry;
            values![
                position,
                now,
                actor.as_deref(),
                action.as_str(),
                target.as_deref(),
                address.map(|address| address.to_string()),
                result.as_str(),
                trace_id.as_deref(),
                detail,
            ]
        });
        self.insert(ENTRIES, rows.collect()).await
    }
}

impl Aftermath {
    pub(super) fn is_empty(&self) -> bool {
        self.audit.is_empty() && self.errands.is_empty()
    }
}
