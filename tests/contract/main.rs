//! What every store promises, in the words of `backend::store`: each promise is a function
//! that takes a store, and each store keeps them all.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail it like the test itself"
)]

mod bus;
mod idempotency;
mod keyring;
mod lists;
mod quotas;
mod redis_index;
mod sessions;
mod shares;
mod tickets;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use backend::{
    bus::{Bus, RedisBus},
    lifecycle::Lifecycle,
    store::{
        IdempotencyStore, KeyringStore, Prefix, RedisConnection, RedisStore, SessionStore,
        SqliteStore, TicketStore,
    },
};
use tempfile::TempDir;
use tests::{Redis, RedisCluster};
use tokio::sync::OnceCell;

/// An empty store of one kind, as many handles on it as a cluster has nodes, and what has to
/// live as long as they do.
trait Backend: Sized {
    type Store: SessionStore + KeyringStore + TicketStore + IdempotencyStore + 'static;

    fn start() -> impl Future<Output = Self>;

    /// Another handle on the same store, as another process would have.
    fn open(&self) -> impl Future<Output = Arc<Self::Store>>;
}

/// SQLite, in a file of its own.
struct Sqlite(TempDir);

impl Backend for Sqlite {
    type Store = SqliteStore;

    async fn start() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.0.path().join("easel.db")).await.unwrap())
    }
}

/// Redis, shared by all tests, each with keys of its own.
struct SharedRedis(Prefix);

/// The same, of three masters.
struct SharedCluster(Prefix);

fn prefix() -> Prefix {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    format!("test{}:", TESTS.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

async fn redis_store(url: &str, prefix: &Prefix) -> Arc<RedisStore> {
    let connection = RedisConnection::open(&url.parse().unwrap(), prefix).await.unwrap();
    Arc::new(RedisStore::new(connection))
}

impl Backend for SharedRedis {
    type Store = RedisStore;

    async fn start() -> Self {
        Self(prefix())
    }

    async fn open(&self) -> Arc<RedisStore> {
        redis_store(&Self::url().await, &self.0).await
    }
}

impl Backend for SharedCluster {
    type Store = RedisStore;

    async fn start() -> Self {
        Self(prefix())
    }

    async fn open(&self) -> Arc<RedisStore> {
        redis_store(&Self::url().await, &self.0).await
    }
}

impl SharedRedis {
    async fn url() -> String {
        static SERVER: OnceCell<Redis> = OnceCell::const_new();
        SERVER.get_or_init(Redis::start).await.url()
    }
}

impl SharedCluster {
    async fn url() -> String {
        static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();
        CLUSTER.get_or_init(RedisCluster::start).await.url()
    }
}

async fn redis_bus(url: &str, prefix: &Prefix) -> Arc<dyn Bus> {
    let url = url.parse().unwrap();
    let connection = RedisConnection::open(&url, prefix).await.unwrap();
    let bus = RedisBus::open(&connection, &url, prefix, &Lifecycle::default()).await.unwrap();
    Arc::new(bus)
}

impl bus::Line for SharedRedis {
    async fn start() -> Self {
        Self(prefix())
    }

    async fn stop(&self) -> Arc<dyn Bus> {
        redis_bus(&Self::url().await, &self.0).await
    }
}

impl bus::Line for SharedCluster {
    async fn start() -> Self {
        Self(prefix())
    }

    async fn stop(&self) -> Arc<dyn Bus> {
        redis_bus(&Self::url().await, &self.0).await
    }
}

/// Makes a module of tests, one for each promise, for one backend.
macro_rules! keeps {
    ($backend:ident, $module:ident, $kind:path: $($promise:ident),* $(,)?) => {
        mod $module {
            use $kind as promises;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    promises::$promise::<crate::$backend>().await;
                }
            )*
        }
    };
}

/// Every promise, for one backend.
macro_rules! keeps_every_promise {
    (
        $backend:ident, $sessions:ident, $quotas:ident, $lists:ident, $keyring:ident,
        $tickets:ident, $idempotency:ident
    ) => {
        keeps! { $backend, $sessions, crate::sessions:
            a_session_is_read_as_it_was_written,
            times_are_kept_to_the_microsecond,
            a_living_address_is_taken,
            of_concurrent_creations_one_wins,
            epochs_rise_over_all_sessions_even_when_the_clock_goes_back,
            an_update_has_the_next_seq,
            an_update_that_expects_another_revision_changes_nothing,
            of_concurrent_updates_one_is_done_per_revision,
            updates_of_many_sessions_at_once_know_nothing_of_each_other,
            a_session_that_is_not_there_is_gone,
            a_deletion_may_expect_a_revision,
            a_session_that_has_expired_does_not_exist,
            an_expired_address_is_free,
            what_has_expired_is_said_once,
            what_has_expired_is_said_once_however_many_ask,
            addresses_do_not_touch,
            what_is_acknowledged_survives,
        }
        keeps! { $backend, $quotas, crate::quotas:
            of_parallel_creations_as_many_succeed_as_may,
            of_parallel_growth_as_much_succeeds_as_may,
            every_part_of_a_drawing_counts,
            what_ends_makes_room,
            a_lower_quota_takes_nothing_away,
            a_taken_address_is_said_before_a_full_quota,
            usage_survives,
            networks_have_a_share_of_what_is_public,
            all_together_have_an_end,
            a_growth_that_is_refused_changes_nothing,
            a_session_that_lives_longer_keeps_its_room,
        }
        keeps! { $backend, $lists, crate::lists:
            a_list_is_of_one_owner_and_has_the_newest_first,
            pages_do_not_shift,
            sessions_of_the_same_microsecond_are_all_listed,
        }
        keeps! { $backend, $keyring, crate::keyring:
            an_empty_store_has_no_ring,
            the_first_ring_stays,
            of_concurrent_creations_all_get_the_same_ring,
            a_ring_is_replaced_only_by_who_has_seen_it,
            of_concurrent_replacements_one_is_done,
            a_ring_survives,
        }
        keeps! { $backend, $tickets, crate::tickets:
            a_ticket_is_used_once,
            of_all_who_use_a_ticket_at_once_one_does,
            looking_at_a_ticket_does_not_use_it,
            a_ticket_need_not_belong_to_a_sign_in,
            a_ticket_is_for_its_session_only,
            an_old_ticket_is_none,
            a_user_has_so_many_tickets_at_once_and_no_more,
            of_concurrent_issues_no_more_are_done_than_allowed,
            what_is_swept_is_old,
            a_ticket_survives,
        }
        keeps! { $backend, $idempotency, crate::idempotency:
            who_asks_while_a_run_is_under_way_is_told_for_how_long,
            what_was_answered_is_answered_again,
            an_answer_has_what_it_has,
            a_key_is_of_what_it_was_first_sent_with,
            a_run_whose_lease_has_ended_is_taken_over,
            whoever_was_taken_over_changes_nothing,
            a_late_run_that_nobody_took_over_is_kept,
            what_was_given_up_never_was,
            what_was_taken_over_and_given_up_is_taken_over_again,
            what_is_answered_stays_so,
            of_all_who_begin_at_once_one_does,
            of_all_who_take_over_at_once_one_does,
            requests_do_not_touch,
            an_old_request_is_none,
            old_requests_are_swept,
            an_answer_survives,
        }
    };
}

keeps_every_promise!(
    Sqlite,
    sqlite_sessions,
    sqlite_quotas,
    sqlite_lists,
    sqlite_keyring,
    sqlite_tickets,
    sqlite_idempotency
);
/// Those of a store that nodes share.
macro_rules! keeps_promises_to_nodes {
    ($backend:ident, $shares:ident, $bus:ident) => {
        keeps! { $backend, $bus, crate::bus:
            whoever_follows_hears_in_order,
            nobody_hears_what_they_do_not_follow,
            who_follows_twice_hears_once_until_both_have_left,
            a_channel_in_doubt_is_renewed_and_says_that_it_may_have_missed_something,
        }
        keeps! { $backend, $shares, crate::shares:
            a_share_is_one_however_many_take_from_it,
            shares_do_not_touch,
            what_was_taken_comes_back_and_insisting_makes_nothing_worse,
        }
    };
}

keeps_promises_to_nodes!(SharedRedis, redis_shares, redis_bus_line);
keeps_promises_to_nodes!(SharedCluster, cluster_shares, cluster_bus_line);
keeps_every_promise!(
    SharedRedis,
    redis_sessions,
    redis_quotas,
    redis_lists,
    redis_keyring,
    redis_tickets,
    redis_idempotency
);
keeps_every_promise!(
    SharedCluster,
    cluster_sessions,
    cluster_quotas,
    cluster_lists,
    cluster_keyring,
    cluster_tickets,
    cluster_idempotency
);
