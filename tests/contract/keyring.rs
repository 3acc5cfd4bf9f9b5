//! What a [`KeyringStore`] promises.

use backend::store::{KeyringStore, SecretText, StoredRing};
use futures_util::future::join_all;

use crate::Backend;

fn ring(text: &str) -> SecretText {
    SecretText(text.to_owned())
}

pub(crate) async fn an_empty_store_has_no_ring<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    assert_eq!(store.load().await.unwrap(), None);
    assert_eq!(store.generation().await.unwrap(), None);
    assert!(!store.replace(0, &ring("a")).await.unwrap());
    assert!(!store.replace(1, &ring("a")).await.unwrap());
    assert_eq!(store.load().await.unwrap(), None);
}

pub(crate) async fn the_first_ring_stays<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let first = StoredRing { generation: 1, ring: ring("first") };
    assert_eq!(KeyringStore::create(&*store, &ring("first")).await.unwrap(), first);
    assert_eq!(KeyringStore::create(&*store, &ring("second")).await.unwrap(), first);
    assert_eq!(store.load().await.unwrap(), Some(first));
}

pub(crate) async fn of_concurrent_creations_all_get_the_same_ring<B: Backend>() {
    let backend = B::start().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(backend.open().await);
    }
    let rings: Vec<_> = (0..8).map(|n| ring(&format!("ring {n}"))).collect();
    let creations = rings.iter().zip(stores.iter().cycle());
    let got = join_all(creations.map(|(ring, store)| KeyringStore::create(&**store, ring))).await;
    let got: Vec<_> = got.into_iter().map(Result::unwrap).collect();
    assert!(got.iter().all(|ring| *ring == got[0]), "{got:?}");
    assert!(rings.contains(&got[0].ring));
}

pub(crate) async fn a_ring_is_replaced_only_by_who_has_seen_it<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    KeyringStore::create(&*store, &ring("first")).await.unwrap();
    assert!(!store.replace(0, &ring("second")).await.unwrap());
    assert!(!store.replace(2, &ring("second")).await.unwrap());
    assert_eq!(store.generation().await.unwrap(), Some(1));
    assert!(store.replace(1, &ring("second")).await.unwrap());
    assert_eq!(store.generation().await.unwrap(), Some(2));
    assert!(!store.replace(1, &ring("third")).await.unwrap(), "a generation is replaced once");
    let second = StoredRing { generation: 2, ring: ring("second") };
    assert_eq!(store.load().await.unwrap(), Some(second));
}

pub(crate) async fn of_concurrent_replacements_one_is_done<B: Backend>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    KeyringStore::create(&*stores[0], &ring("first")).await.unwrap();
    for generation in 1..=5 {
        let rings: Vec<_> = (0..6).map(|n| ring(&format!("{generation} {n}"))).collect();
        let replacements = rings.iter().zip(stores.iter().cycle());
        let done =
            join_all(replacements.map(|(ring, store)| store.replace(generation, ring))).await;
        let done: Vec<_> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        let stored = stores[0].load().await.unwrap().unwrap();
        let winner = done.iter().position(|done| *done).unwrap();
        let wanted = StoredRing { generation: generation + 1, ring: rings[winner].clone() };
        assert_eq!(stored, wanted);
    }
}

pub(crate) async fn a_ring_survives<B: Backend>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let created = KeyringStore::create(&*store, &ring("first")).await.unwrap();
    drop(store);
    assert_eq!(backend.open().await.load().await.unwrap(), Some(created));
    assert!(!format!("{:?}", ring("first")).contains("first"), "a secret has no Debug");
}
