//! What a [`Bus`] promises.

use std::sync::Arc;

use backend::{
    bus::{Bus, Following, Heard, News},
    encode::{EndReason, Terms},
};
use common::{Frame, Revision, api::Visibility};
use tests::wait;

use crate::sessions::{at, noon};

/// A bus of one kind, and as many stops as there are nodes.
pub(crate) trait Line: Sized {
    async fn start() -> Self;

    /// Another node's end of the same bus.
    async fn stop(&self) -> Arc<dyn Bus>;
}

fn frame(seq: u64) -> News {
    let revision = Revision { epoch: 1_795_258_487_172_794, seq };
    let terms =
        Terms { visibility: Visibility::Public, expires_at: noon(), max_frames_per_second: None };
    News::Frame(Frame { revision, svg: format!("<svg>\n{seq}</svg>").into() }, terms)
}

async fn follows(bus: &Arc<dyn Bus>, address: &str) -> Box<dyn Following> {
    let following = bus.follow(&at(address));
    following.listening().await.unwrap();
    assert!(following.listens());
    following
}

async fn hears(bus: &Arc<dyn Bus>) -> Heard {
    wait::soon("news", bus.hear()).await
}

pub(crate) async fn whoever_follows_hears_in_order<B: Line>() {
    let line = B::start().await;
    let (one, other) = (line.stop().await, line.stop().await);
    let _one = follows(&one, "alice/chart").await;
    let _other = follows(&other, "alice/chart").await;
    for seq in 1..=50 {
        one.tell(&at("alice/chart"), &frame(seq)).await.unwrap();
    }
    one.tell(&at("alice/chart"), &News::Ended(EndReason::Deleted)).await.unwrap();
    for bus in [&one, &other] {
        for seq in 1..=50 {
            assert_eq!(hears(bus).await, Heard::News(at("alice/chart"), frame(seq)));
        }
        let end = News::Ended(EndReason::Deleted);
        assert_eq!(hears(bus).await, Heard::News(at("alice/chart"), end));
    }
}

pub(crate) async fn nobody_hears_what_they_do_not_follow<B: Line>() {
    let line = B::start().await;
    let (one, other) = (line.stop().await, line.stop().await);
    let _following = follows(&other, "alice/chart").await;
    for strange in ["alice/other", "bob/chart", "chart"] {
        one.tell(&at(strange), &frame(1)).await.unwrap();
    }
    one.tell(&at("alice/chart"), &frame(2)).await.unwrap();
    assert_eq!(hears(&other).await, Heard::News(at("alice/chart"), frame(2)));
}

pub(crate) async fn who_follows_twice_hears_once_until_both_have_left<B: Line>() {
    let line = B::start().await;
    let (one, other) = (line.stop().await, line.stop().await);
    let first = follows(&other, "chart").await;
    let second = follows(&other, "chart").await;
    drop(first);
    for seq in [1, 2] {
        one.tell(&at("chart"), &frame(seq)).await.unwrap();
        assert_eq!(hears(&other).await, Heard::News(at("chart"), frame(seq)));
    }
    drop(second);
    // Whoever comes back hears again, however soon.
    let _third = follows(&other, "chart").await;
    wait::until("news after a return", async || {
        one.tell(&at("chart"), &frame(3)).await.unwrap();
        let heard = hears(&other).await;
        // A return may be a gap: whoever hears of it looks into the store.
        matches!(heard, Heard::News(_, news) if news == frame(3)).then_some(())
    })
    .await;
}

pub(crate) async fn a_channel_in_doubt_is_renewed_and_says_that_it_may_have_missed_something<
    B: Line,
>() {
    let line = B::start().await;
    let bus = line.stop().await;
    let following = follows(&bus, "alice/chart").await;
    bus.renew(&at("alice/chart"));
    assert_eq!(hears(&bus).await, Heard::Gap(Some(at("alice/chart"))));
    following.listening().await.unwrap();
    bus.tell(&at("alice/chart"), &frame(1)).await.unwrap();
    assert_eq!(hears(&bus).await, Heard::News(at("alice/chart"), frame(1)));
}
