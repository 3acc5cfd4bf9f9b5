//! The audit log. Its entries are written with what they tell of: see `aftermath.rs`.

use async_trait::async_trait;
use common::api::{AuditAction, AuditResult};
use sqlx::{AssertSqlSafe, FromRow};
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Value, moment, unsigned, values},
};
use crate::store::{
    Aftermath, AuditFilter, AuditPosition, AuditStore, NewAuditEntry, StoreError, StoredAuditEntry,
};

const COLUMNS: &str = "SELECT position, at, actor, action, target, address, result, trace_id, \
     detail FROM audit";

#[derive(FromRow)]
struct Entry {
    position: i64,
    at: i64,
    actor: Option<String>,
    action: String,
    target: Option<String>,
    address: Option<String>,
    result: String,
    trace_id: Option<String>,
    detail: String,
}

#[async_trait]
impl AuditStore for Database {
    async fn write(&self, aftermath: &Aftermath, now: OffsetDateTime) -> Result<(), StoreError> {
        if aftermath.is_empty() {
            return Ok(());
        }
        let mut transaction = self.kind.begin().await?;
        transaction.write(aftermath, now).await?;
        transaction.commit().await
    }

    async fn entries(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> Result<Vec<StoredAuditEntry>, StoreError> {
        let (statement, mut values) = statement(filter, before);
        values.push(limit.into());
        // Nothing that was asked for goes into it but as a value.
        let entries: Vec<Entry> = self.kind.read(AssertSqlSafe(statement), values).await?;
        entries.into_iter().map(StoredAuditEntry::try_from).collect()
    }
}

/// A statement with the conditions that are given and no others, so that the database can find an
/// index for them. Its last value is missing: how many.
fn statement(filter: &AuditFilter, before: Option<AuditPosition>) -> (String, Vec<Value<'_>>) {
    let AuditFilter { actor, action, target, result, from, until } = filter;
    let conditions: [(&str, Option<Value<'_>>); 7] = [
        ("actor =", actor.as_deref().map(Value::from)),
        ("action =", action.map(|action| action.as_str().into())),
        ("target =", target.as_deref().map(Value::from)),
        ("result =", result.map(|result| result.as_str().into())),
        ("at >=", from.map(Value::from)),
        ("at <", until.map(Value::from)),
        ("position <", before.map(|before| before.0.into())),
    ];
    let mut statement = COLUMNS.to_owned();
    let mut values = values![];
    for (condition, value) in conditions {
        let Some(value) = value else { continue };
        values.push(value);
        let word = if values.len() == 1 { "WHERE" } else { "AND" };
        statement += &format!(" {word} {condition} ${}", values.len());
    }
    statement += &format!(" ORDER BY position DESC LIMIT ${}", values.len() + 1);
    (statement, values)
}

impl TryFrom<Entry> for StoredAuditEntry {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        let address = row.address.map(|address| address.parse()).transpose();
        Ok(Self {
            position: AuditPosition(unsigned(row.position)?),
            at: moment(row.at)?,
            entry: NewAuditEntry {
                actor: row.actor,
                action: AuditAction::of(&row.action).ok_or(StoreError::Corrupt("action"))?,
                target: row.target,
                address: address.map_err(|_| StoreError::Corrupt("address"))?,
                result: AuditResult::of(&row.result).ok_or(StoreError::Corrupt("result"))?,
                trace_id: row.trace_id,
                detail: row.detail,
            },
        })
    }
}
