//! What every store promises, in the words of `backend::store`: each promise is a function
//! that takes a store, and each store keeps them all.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail it like the test itself"
)]

mod accounts;
mod api_keys;
mod audit;
mod authority;
mod bus;
mod databases;
mod idempotency;
mod keyring;
mod lists;
mod outbox;
mod people;
mod quotas;
mod races;
mod redis_index;
mod registrations;
mod revocations;
mod sessions;
mod shares;
mod sign_ins;
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

use self::databases::{Beside, OwnFile, SharedPostgres};

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

/// Those of a database of accounts.
macro_rules! keeps_promises_to_people {
    ($kind:ident, $module:ident) => {
        mod $module {
            keeps! { $kind, databases, crate::databases:
                many_nodes_may_open_an_empty_one_at_once,
                what_a_newer_program_has_written_is_left_alone,
                what_is_closed_says_so,
            }
            keeps! { $kind, accounts, crate::accounts:
                an_account_is_read_as_it_was_written,
                a_name_and_an_address_are_taken_once,
                of_parallel_creations_of_a_name_or_an_address_one_is_done,
                accounts_are_listed_by_name,
                a_change_is_made_to_what_was_seen,
                what_depends_on_an_account_ends_with_its_change,
                tokens_without_a_sign_in_end_when_the_account_is_another,
                the_last_administrator_stays,
                a_name_is_not_handed_out_again_at_once,
                who_is_removed_leaves_nothing,
                what_is_said_of_a_change_is_written_with_it_and_once,
                what_cannot_be_written_changes_nothing,
            }
            keeps! { $kind, authority, crate::authority:
                whoever_has_lost_a_right_changes_nothing,
                of_two_who_depose_each_other_one_stays,
            }
            keeps! { $kind, registrations, crate::registrations:
                a_proved_registration_is_an_account,
                a_registration_holds_its_name_until_it_ends,
                of_parallel_registrations_of_a_name_one_is_kept,
                registrations_of_an_address_are_listed_newest_first,
                a_known_address_is_kept_just_the_same_and_never_proved,
                of_an_address_one_registration_is_proved,
                an_account_made_by_hand_goes_before_a_registration,
                the_newest_token_is_the_one,
                of_all_who_use_a_token_at_once_one_does,
                a_reset_ends_all_sign_ins,
                a_token_of_a_mail_ends_with_the_password_that_it_replaces,
                what_is_said_of_registrations_is_written_once,
            }
            keeps! { $kind, sign_ins, crate::sign_ins:
                a_sign_in_is_listed_as_it_began,
                a_token_is_replaced_and_leads_to_its_successor_for_a_while,
                a_sealed_token_is_kept_as_long_as_it_leads_anywhere,
                a_token_is_replaced_when_it_is_and_not_when_that_was_asked_for,
                a_token_that_is_used_again_ends_its_sign_in_alone,
                what_is_no_token_changes_nothing,
                a_sign_in_ends_by_itself,
                tokens_that_outlive_their_sign_in_end_with_it,
                what_is_over_by_one_clock_is_ended_for_all,
                whoever_ends_a_sign_in_ends_that_one,
                a_revocation_lasts_as_long_as_the_last_token,
                nobody_signs_in_with_what_is_outdated,
                of_too_many_the_oldest_end,
                nobody_has_more_than_a_thousand,
                of_parallel_sign_ins_as_many_live_as_may,
                what_is_said_of_sign_ins_is_written_once,
                a_refresh_hash_is_told_from_every_other,
            }
            keeps! { $kind, races, crate::races:
                of_parallel_refreshes_all_get_the_same_successor,
                no_token_outlives_the_end_of_its_sign_in,
                no_token_outlives_a_sign_out,
                no_token_outlives_the_end_of_all_sign_ins,
                no_token_outlives_a_password,
                no_token_outlives_roles,
                no_token_outlives_the_disabling_of_its_account,
                no_token_outlives_a_reset,
                no_token_outlives_its_account,
                no_token_outlives_a_newer_sign_in,
                no_sign_in_begins_behind_the_back_of_a_change,
                nobody_waits_for_who_waits_for_them,
            }
            keeps! { $kind, api_keys, crate::api_keys:
                a_key_is_found_by_its_hash_while_it_lives,
                the_last_use_of_a_key_is_kept,
                a_user_has_so_many_keys_and_no_more,
                a_revoked_key_ends_with_all_that_it_has_minted,
                a_revoked_key_that_minted_nothing_is_soon_forgotten,
                keys_rest_while_their_account_is_disabled,
                the_longest_life_of_a_token_is_not_forgotten,
                a_namespace_has_one_owner,
                nobody_gets_a_name_that_a_key_mints_for,
                names_that_were_minted_for_rest,
                a_name_and_its_namespace_are_not_both_handed_out,
                what_is_said_of_keys_is_written_once,
                expired_keys_are_swept_when_nothing_of_theirs_lives,
            }
            keeps! { $kind, audit, crate::audit:
                an_entry_is_read_as_it_was_written,
                an_entry_is_found_by_all_that_is_asked_of_it,
                no_entry_appears_behind_one_that_was_read,
                what_is_not_written_as_a_whole_is_not_written,
                old_entries_are_swept_a_few_at_a_time,
            }
            keeps! { $kind, outbox, crate::outbox:
                errands_are_taken_up_when_they_are_due_oldest_first,
                each_errand_is_one_takers_at_a_time,
                an_errand_that_nobody_settles_is_due_again,
                what_did_not_work_is_tried_again_until_there_is_no_hope,
                what_is_dead_is_swept_after_a_month,
            }
            keeps! { $kind, revocations, crate::revocations:
                revocations_are_read_in_their_order,
                no_place_is_filled_afterwards,
                a_great_many_are_revoked_in_one_step,
                what_has_ended_is_swept_and_keeps_its_place,
            }
        }
    };
}

keeps_promises_to_people!(Beside, beside);
keeps_promises_to_people!(OwnFile, own_file);
keeps_promises_to_people!(SharedPostgres, postgres);
