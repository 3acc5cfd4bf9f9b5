use super::*;
use sqlx::{migrate::Migrator, sqlite::SqlitePoolOptions};

/// A database of a version that did not count what is stored.
#[tokio::test]
async fn what_was_stored_before_it_was_counted_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("easel.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let pool = SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let first = sqlite::MIGRATIONS.iter().filter(|migration| migration.version == 1).cloned();
    let first = Migrator { migrations: first.collect(), ..Migrator::DEFAULT };
    first.run(&pool).await.unwrap();
    sqlx::query(
        "INSERT INTO sessions VALUES ('alice', 'a', 1, 1, 'é', '{}', '<svg/>', 'public', 0, 0, 100), \
                                     ('alice', 'b', 2, 1, 'x', '{}', '<svg/>', 'public', 0, 0, 100)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;

    let store = SqliteStore::open(&file).await.unwrap();
    let address: SessionAddress = "alice/c".parse().unwrap();
    let now = OffsetDateTime::UNIX_EPOCH;
    let drawing = Drawing {
        template: "".into(),
        args: Arc::default(),
        svg: "".into(),
        visibility: Visibility::Public,
        expires_at: now + std::time::Duration::from_secs(9),
        max_frames_per_second: None,
    };
    // 10 and 9 bytes are there, and `{}` makes two more.
    for (sessions, bytes, wanted) in [
        (2, 99, Creation::Full(Full::Sessions(Space::User))),
        (3, 20, Creation::Full(Full::Bytes(Space::User))),
        (3, 21, Creation::Created(Revision { epoch: 1, seq: 1 })),
    ] {
        let user = Quota { sessions, bytes };
        let most = Quota { sessions: u64::MAX, bytes: u64::MAX };
        let quotas = Quotas { user, public: most, public_from_address: most, all: most };
        let outcome = SessionStore::create(&store, &address, None, &drawing, &quotas, now).await;
        let outcome = outcome.unwrap();
        assert_eq!(outcome, wanted);
    }
}
