//! What a [`ShareStore`] promises.

use std::time::Duration;

use backend::store::{Share, ShareOwner, ShareStore, Taken};
use futures_util::future::join_all;

use crate::{Backend, sessions::at};

/// So long that nothing comes back during a test.
const HOUR: Duration = Duration::from_secs(3600);

fn of_user(user: &str) -> Share {
    Share { limit: "updates-per-user", owner: ShareOwner::User(user.parse().unwrap()) }
}

fn of_session(address: &str) -> Share {
    Share { limit: "updates-per-session", owner: ShareOwner::Session(at(address)) }
}

pub(crate) async fn a_share_is_one_however_many_take_from_it<B: Backend<Store: ShareStore>>() {
    let backend = B::start().await;
    let stores = [backend.open().await, backend.open().await];
    for share in [of_user("alice"), of_session("alice/chart"), of_session("chart")] {
        let interval = HOUR / 20;
        let takes = stores.iter().cycle().take(50).map(|store| store.take(&share, interval, HOUR));
        let taken: Vec<_> = join_all(takes).await.into_iter().map(Result::unwrap).collect();
        let given = taken.iter().filter(|taken| matches!(taken, Taken::Left(_))).count();
        assert_eq!(given, 20, "{share:?}");
        for taken in taken {
            match taken {
                Taken::Left(left) => assert!(left < 20),
                Taken::Refused(wait) => assert!(wait > Duration::ZERO && wait <= interval),
            }
        }
    }
}

pub(crate) async fn shares_do_not_touch<B: Backend<Store: ShareStore>>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let other = Share { limit: "creations-per-user", ..of_user("alice") };
    let shares = [
        of_user("alice"),
        of_user("bob"),
        other,
        of_session("alice/chart"),
        of_session("alice/other"),
        of_session("chart"),
    ];
    for share in &shares {
        assert_eq!(store.take(share, HOUR, HOUR).await.unwrap(), Taken::Left(0), "{share:?}");
    }
    for share in &shares {
        assert!(matches!(store.take(share, HOUR, HOUR).await.unwrap(), Taken::Refused(_)));
    }
}

pub(crate) async fn what_was_taken_comes_back_and_insisting_makes_nothing_worse<
    B: Backend<Store: ShareStore>,
>() {
    let backend = B::start().await;
    let store = backend.open().await;
    let (share, soon) = (of_user("alice"), Duration::from_millis(50));
    store.take(&share, soon, soon).await.unwrap();
    tests::wait::until("one more", async || {
        matches!(store.take(&share, soon, soon).await.unwrap(), Taken::Left(0)).then_some(())
    })
    .await;
}
