//! What it takes to believe a token: by the cryptographic library alone, by us when we see a
//! token for the first time, and when we have seen it just now. The ratios say something, the
//! numbers little.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::{sync::Arc, time::Duration};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use backend::{
    clock::{Clock, ManualClock, SystemClock},
    config::{KeySettings, KeyWindows, Lifetimes},
    store::{NoRevocations, SqliteStore},
    token::{Keyring, Revocations, Tokens},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::jwt::Expected;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};

const DAY: Duration = Duration::from_secs(86_400);

/// So long that the clock can be moved with every verification.
const LIFETIME: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Longer than any verification is remembered.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);

fn tokens(runtime: &Runtime, clock: Arc<dyn Clock>) -> Tokens {
    let directory = tempfile::tempdir().unwrap();
    let windows = KeyWindows {
        publish_delay: DAY,
        overlap: DAY,
        jwks_max_age: Duration::from_secs(300),
        rotation: None,
    };
    let settings = KeySettings { windows, master: None, previous_master: None };
    let (keyring, revocations) = runtime.block_on(async {
        let store = SqliteStore::open(&directory.path().join("easel.db")).await.unwrap();
        let keyring = Keyring::open(Arc::new(store), clock.clone(), &settings).await.unwrap();
        (keyring, Revocations::open(Arc::new(NoRevocations), clock.clone()).await.unwrap())
    });
    let names = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
    let lifetimes = Lifetimes { default: DAY, max: LIFETIME };
    Tokens::new(Arc::new(keyring), revocations, names, lifetimes, clock)
}

fn issue(tokens: &Tokens) -> String {
    tokens.issue("alice".parse().unwrap(), Some(LIFETIME)).unwrap().token
}

fn verify(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = c.benchmark_group("verify");

    let clock = ManualClock::new(SystemClock.now());
    let ours = tokens(&runtime, Arc::new(clock.clone()));
    let token = issue(&ours);
    let public = ours.keyring().signing_key().public().clone();
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let (n, e) = (decode(&public.n), decode(&public.e));
    let components = RsaPublicKeyComponents { n: &n, e: &e };
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = decode(signature);

    group.bench_function("library, key read each time", |b| {
        let algorithm = &RSA_PKCS1_2048_8192_SHA256;
        b.iter(|| components.verify(algorithm, message.as_bytes(), &signature).unwrap());
    });
    let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
    group.bench_function("library", |b| {
        b.iter(|| parsed.verify_sig(message.as_bytes(), &signature).unwrap());
    });
    group.bench_function("ours, uncached", |b| {
        b.iter(|| {
            clock.advance(FORGOTTEN_AFTER);
            ours.verify(&token).now_or_never().unwrap().unwrap()
        });
    });
    let ours = tokens(&runtime, Arc::new(SystemClock));
    let token = issue(&ours);
    group.bench_function("ours, cached", |b| {
        b.iter(|| ours.verify(&token).now_or_never().unwrap().unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = verify
}
criterion_main!(benches);
