//! What Redis keeps of all sessions together: it comes to what there is, whoever fails in
//! between.

use std::time::Duration;

use backend::store::{
    Creation, Deletion, Full, Prefix, Quota, Quotas, RedisStore, SessionStore, Space, Update,
};
use futures_util::future::join_all;
use tests::Redis;

use crate::{
    redis_store,
    sessions::{BOUNDLESS, HOUR, UNLIMITED, at, created, drawing, noon},
};

async fn stores(redis: &Redis) -> [std::sync::Arc<RedisStore>; 2] {
    let open = async || redis_store(&redis.url(), &Prefix::default()).await;
    [open().await, open().await]
}

async fn has_nothing_left(redis: &Redis) {
    let keys = redis.command(&["KEYS", "*"]).await;
    assert_eq!(keys, "sessions:epoch", "what is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_when_all_is_gone_however_many_write_at_once() {
    let redis = Redis::start().await;
    let stores = stores(&redis).await;
    let lives = async |n: usize| {
        let (store, late) = (&stores[n % 2], &stores[(n + 1) % 2]);
        let address = at(["alice/one", "alice/two", "one"][n % 3]);
        for value in 0..20_u64 {
            let small = drawing(value, noon() + HOUR);
            let created = store.create(&address, None, &small, &UNLIMITED, noon()).await;
            let Creation::Created(revision) = created.unwrap() else { continue };
            let mut larger = drawing(value, noon() + 2 * HOUR);
            larger.svg = format!("<svg>{}</svg>", "x".repeat(1 << (value % 12))).into();
            let update = store.update(&address, revision, &larger, &UNLIMITED, noon());
            let deletion = late.delete(&address, None, noon());
            let (updated, deleted) = tokio::join!(update, deletion);
            updated.unwrap();
            deleted.unwrap();
        }
    };
    join_all((0..9).map(lives)).await;
    for address in ["alice/one", "alice/two", "one"] {
        stores[0].delete(&at(address), None, noon()).await.unwrap();
    }
    has_nothing_left(&redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_of_what_has_vanished_is_given_to_who_comes_next() {
    let redis = Redis::start().await;
    let [store, _] = stores(&redis).await;
    created(&*store, "alice/chart", noon()).await;
    created(&*store, "alice/other", noon()).await;
    assert_eq!(redis.command(&["DEL", "user:alice:session:chart"]).await, "1");
    // The room of two is all there is, and one of them does not know that it has gone.
    let two = Quotas { all: Quota { sessions: 2, ..BOUNDLESS }, ..UNLIMITED };
    let one = drawing(1, noon() + HOUR);
    let create = store.create(&at("alice/chart"), None, &one, &two, noon()).await;
    assert!(matches!(create.unwrap(), Creation::Created(_)));
    for address in ["alice/chart", "alice/other"] {
        assert_eq!(store.delete(&at(address), None, noon()).await.unwrap(), Deletion::Done);
    }
    has_nothing_left(&redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_the_room_of_what_has_vanished_gets_no_more_than_there_is() {
    let redis = Redis::start().await;
    let [store, _] = stores(&redis).await;
    created(&*store, "alice/chart", noon()).await;
    created(&*store, "alice/other", noon()).await;
    assert_eq!(redis.command(&["DEL", "user:alice:session:chart"]).await, "1");
    let one = Quotas { all: Quota { sessions: 1, ..BOUNDLESS }, ..UNLIMITED };
    let create =
        store.create(&at("alice/chart"), None, &drawing(1, noon() + HOUR), &one, noon()).await;
    assert_eq!(create.unwrap(), Creation::Full(Full::Sessions(Space::All)));
    assert!(store.get(&at("alice/chart"), noon()).await.unwrap().is_none(), "nothing is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_removed_is_taken_again() {
    let redis = Redis::start().await;
    let stores = stores(&redis).await;
    created(&*stores[0], "alice/chart", noon()).await;
    let late = noon() + HOUR;
    redis.command(&["RENAME", "user:alice:ends", "kept"]).await;
    redis.command(&["SET", "user:alice:ends", "in the way"]).await;
    assert!(stores[0].take_expired(late).await.unwrap().is_empty(), "it cannot be removed");
    redis.command(&["RENAME", "kept", "user:alice:ends"]).await;
    assert!(stores[0].take_expired(late).await.unwrap().is_empty(), "someone is at it");
    let later = late + Duration::from_secs(30);
    assert_eq!(stores[1].take_expired(later).await.unwrap(), [at("alice/chart")]);
    has_nothing_left(&redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_for_expired_and_lives_has_its_room_again() {
    let redis = Redis::start().await;
    let [store, other] = stores(&redis).await;
    let revision = created(&*store, "chart", noon()).await;
    // Whoever moved its end could not say so.
    let end = noon() + HOUR;
    let index = redis.command(&["ZSCORE", "sessions:ends", "chart"]).await;
    let longer = drawing(1, end + HOUR);
    let update = store.update(&at("chart"), revision, &longer, &UNLIMITED, noon()).await;
    assert!(matches!(update.unwrap(), Update::Done(_)));
    redis.command(&["ZADD", "sessions:ends", &index, "chart"]).await;
    assert!(other.take_expired(end).await.unwrap().is_empty(), "it lives");
    let none = Quotas { public: Quota { sessions: 1, ..BOUNDLESS }, ..UNLIMITED };
    let create = store.create(&at("next"), None, &longer, &none, end).await;
    assert_eq!(create.unwrap(), Creation::Full(Full::Sessions(Space::Public)));
    assert_eq!(other.take_expired(end + HOUR).await.unwrap(), [at("chart")]);
    has_nothing_left(&redis).await;
}
