use super::*;
use crate::{bus::LocalBus, clock::ManualClock, encode::Format};
use common::{Revision, api::Visibility};
use std::num::NonZeroU16;
use time::OffsetDateTime;

const PUBLIC: Terms = Terms {
    visibility: Visibility::Public,
    expires_at: OffsetDateTime::UNIX_EPOCH,
    max_frames_per_second: None,
};
const PRIVATE: Terms = Terms { visibility: Visibility::Private, ..PUBLIC };

const HEARTBEAT: Duration = Duration::from_secs(15);

impl Hub {
    /// A hub that no other node hears.
    pub(crate) fn alone(clock: &ManualClock) -> Arc<Self> {
        Self::new(Arc::new(LocalBus), Arc::new(clock.clone()), Arc::default())
    }
}

struct Stage {
    hub: Arc<Hub>,
    clock: ManualClock,
    chart: SessionAddress,
}

fn stage() -> Stage {
    let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
    let hub = Hub::alone(&clock);
    Stage { hub, clock, chart: "alice/chart".parse().unwrap() }
}

fn frame(seq: u64, svg: &str) -> Frame {
    Frame { revision: Revision { epoch: 1, seq }, svg: svg.into() }
}

async fn sees(viewer: &mut Viewer) -> String {
    match viewer.next().await {
        Seen::Frame(frame) => frame.frame().svg.to_string(),
        other => panic!("saw {other:?}"),
    }
}

fn sees_nothing(viewer: &mut Viewer) {
    let mut next = Box::pin(viewer.next());
    let waker = std::task::Waker::noop();
    assert!(next.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
}

#[tokio::test]
async fn a_slow_viewer_gets_the_newest_frame_and_no_backlog() {
    let Stage { hub, chart, .. } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    for seq in 1..=1000 {
        hub.show(&chart, &frame(seq, &format!("<svg>{seq}</svg>")), PUBLIC);
    }
    assert_eq!(sees(&mut viewer).await, "<svg>1000</svg>");
    sees_nothing(&mut viewer);
}

#[tokio::test]
async fn nobody_goes_backwards_whatever_the_order_of_arrival() {
    let Stage { hub, chart, .. } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    hub.show(&chart, &frame(3, "<svg>3</svg>"), PUBLIC);
    viewer.place.offer(&frame(2, "<svg>2</svg>"), PUBLIC);
    assert_eq!(sees(&mut viewer).await, "<svg>3</svg>");
    hub.show(&chart, &frame(1, "<svg>1</svg>"), PUBLIC);
    sees_nothing(&mut viewer);
}

#[tokio::test]
async fn what_is_shown_to_others_is_enough_for_a_second_after_a_look_into_the_store() {
    let Stage { hub, clock, chart } = stage();
    let (mut first, second) = (hub.join(&chart), hub.join(&chart));
    let settled = || second.settled().map(|frame| frame.revision().seq);
    first.offer(&frame(1, "<svg>1</svg>"), PUBLIC);
    assert_eq!(settled(), None, "nobody listens");
    assert!(first.listens());
    assert_eq!(settled(), None, "what came before is not known");
    first.settle(clock.running());
    assert_eq!(settled(), Some(1));
    hub.show(&chart, &frame(2, "<svg>2</svg>"), PUBLIC);
    clock.advance(Duration::from_secs(1));
    assert_eq!(settled(), Some(2));
    clock.advance(Duration::from_millis(1));
    assert_eq!(settled(), None, "it was a look too long ago");
    first.settle(clock.running());
    hub.end(&chart, 1, EndReason::Deleted);
    assert_eq!(settled(), None, "it has ended");
}

#[tokio::test]
async fn an_equal_picture_wakes_nobody_and_still_counts_as_seen() {
    let Stage { hub, chart, .. } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    viewer.place.offer(&frame(1, "<svg/>"), PUBLIC);
    assert_eq!(sees(&mut viewer).await, "<svg/>");
    hub.show(&chart, &frame(2, "<svg/>"), PUBLIC);
    sees_nothing(&mut viewer);
    assert_eq!(viewer.look().unwrap().revision().seq, 2);
}

#[tokio::test]
async fn a_frame_is_encoded_once_for_all() {
    let Stage { hub, chart, .. } = stage();
    let mut viewers: Vec<_> = (0..3).map(|_| hub.join(&chart).watch(None)).collect();
    hub.show(&chart, &frame(1, "<svg/>"), PUBLIC);
    let mut seen = Vec::new();
    for viewer in &mut viewers {
        let Seen::Frame(frame) = viewer.next().await else { panic!("no frame") };
        let bytes = |format| {
            [frame.plain(format), frame.whole(format)].map(|chunk| chunk.framed().as_ptr())
        };
        seen.push([Format::Sse, Format::Multipart].map(bytes));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn rooms_go_with_their_last_viewer() {
    let Stage { hub, chart, .. } = stage();
    let (one, two) = (hub.join(&chart), hub.join(&chart));
    assert_eq!(hub.viewers(&chart), 2);
    drop(one);
    assert_eq!((hub.viewers(&chart), hub.rooms.len()), (1, 1));
    drop(two);
    assert_eq!((hub.viewers(&chart), hub.rooms.len()), (0, 0));
    hub.deserted().await;
}

#[tokio::test]
async fn the_end_reaches_everyone_and_the_next_life_is_another_room() {
    let Stage { hub, chart, .. } = stage();
    let mut old = hub.join(&chart).watch(None);
    hub.end(&chart, 1, EndReason::Deleted);
    let mut new = hub.join(&chart).watch(None);
    hub.show(&chart, &frame(1, "<svg/>"), PUBLIC);
    assert!(matches!(old.next().await, Seen::End(EndReason::Deleted)));
    assert_eq!(sees(&mut new).await, "<svg/>");
    drop(old);
    assert_eq!(hub.viewers(&chart), 1);
}

#[tokio::test]
async fn only_an_idle_viewer_is_kept_alive() {
    let Stage { hub, clock, chart } = stage();
    let mut beat = Box::pin(hub.clone().beat(HEARTBEAT));
    let mut tick = || {
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(beat.as_mut().poll(&mut context).is_pending());
        clock.advance(HEARTBEAT);
        assert!(beat.as_mut().poll(&mut context).is_pending());
    };
    let mut viewer = hub.join(&chart).watch(None);
    viewer.place.offer(&frame(1, "<svg/>"), PUBLIC);
    assert_eq!(sees(&mut viewer).await, "<svg/>");
    tick();
    sees_nothing(&mut viewer);
    tick();
    assert!(matches!(viewer.next().await, Seen::Quiet));
}

#[tokio::test]
async fn a_drain_spreads_the_ends_over_its_time() {
    let Stage { hub, clock, chart } = stage();
    let mut viewers: Vec<_> = (0..200).map(|_| hub.join(&chart).watch(None)).collect();
    let over = Duration::from_secs(100);
    hub.drain(over);
    let mut ended_at_half = 0;
    for viewer in &mut viewers {
        // Two hundred looks in one go would use up what the runtime grants a task.
        tokio::task::yield_now().await;
        sees_nothing(viewer);
    }
    clock.advance(over / 2);
    for viewer in &mut viewers {
        tokio::task::yield_now().await;
        ended_at_half += usize::from(futures_util::poll!(Box::pin(viewer.next())).is_ready());
    }
    assert!((50..150).contains(&ended_at_half), "{ended_at_half} of 200 had left at half time");
    clock.advance(over / 2);
    for viewer in &mut viewers {
        assert!(matches!(viewer.next().await, Seen::End(EndReason::Draining)));
    }
}

#[tokio::test]
async fn a_right_that_ends_ends_the_stream() {
    let Stage { hub, clock, chart } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    viewer
        .place
        .admit(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(60), std::future::pending());
    clock.advance(Duration::from_secs(60));
    assert!(matches!(viewer.next().await, Seen::End(EndReason::Revoked)));
}

#[tokio::test]
async fn an_end_that_was_looked_at_is_still_met() {
    let Stage { hub, chart, .. } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    hub.end(&chart, 1, EndReason::Deleted);
    assert!(viewer.look().is_none());
    assert!(matches!(viewer.next().await, Seen::End(EndReason::Deleted)));
}

#[tokio::test]
async fn a_new_life_ends_the_streams_of_the_one_before_and_no_others() {
    let Stage { hub, chart, .. } = stage();
    let mut old = hub.join(&chart).watch(None);
    hub.show(&chart, &frame(9, "<svg>old</svg>"), PUBLIC);
    assert_eq!(sees(&mut old).await, "<svg>old</svg>");
    let born = Revision { epoch: 2, seq: 1 };
    hub.end(&chart, born.epoch - 1, EndReason::Expired);
    assert!(matches!(old.next().await, Seen::End(EndReason::Expired)));
    let mut new = hub.join(&chart).watch(None);
    new.place.offer(&Frame { revision: born, svg: "<svg>new</svg>".into() }, PUBLIC);
    hub.end(&chart, born.epoch - 1, EndReason::Expired);
    assert_eq!(sees(&mut new).await, "<svg>new</svg>");
    sees_nothing(&mut new);
}

#[tokio::test]
async fn whoever_has_seen_nothing_is_sent_to_look_again_when_a_life_ends() {
    let Stage { hub, chart, .. } = stage();
    let viewer = hub.join(&chart);
    hub.end(&chart, 0, EndReason::Expired);
    assert!(viewer.has_ended());
    assert_eq!(hub.viewers(&chart), 0);
}

#[tokio::test]
async fn a_private_frame_is_seen_by_the_admitted_alone_whatever_brought_it() {
    let Stage { hub, chart, .. } = stage();
    let watch = || hub.join(&chart).watch(None);
    let (mut stranger, mut owner) = (watch(), watch());
    owner.place.admit(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(60), std::future::pending());
    hub.show(&chart, &frame(1, "<svg>open</svg>"), PUBLIC);
    assert_eq!(sees(&mut stranger).await, "<svg>open</svg>");
    // The same picture: it is the audience that changes.
    hub.show(&chart, &frame(2, "<svg>open</svg>"), PRIVATE);
    assert!(matches!(stranger.next().await, Seen::End(EndReason::Revoked)));
    assert_eq!(sees(&mut owner).await, "<svg>open</svg>");
    let mut late = hub.join(&chart).watch(None);
    assert!(late.look().is_none());
    assert!(matches!(late.next().await, Seen::End(EndReason::Revoked)));
}

#[tokio::test]
async fn another_life_is_not_shown_to_the_viewers_of_this_one() {
    let Stage { hub, chart, .. } = stage();
    let mut old = hub.join(&chart).watch(None);
    hub.show(&chart, &frame(7, "<svg>old</svg>"), PUBLIC);
    assert_eq!(sees(&mut old).await, "<svg>old</svg>");
    let mut new = hub.join(&chart).watch(None);
    let reborn = Revision { epoch: 2, seq: 1 };
    new.place.offer(&Frame { revision: reborn, svg: "<svg>old</svg>".into() }, PUBLIC);
    assert!(matches!(old.next().await, Seen::End(EndReason::Expired)));
    assert_eq!(sees(&mut new).await, "<svg>old</svg>");
}

#[tokio::test]
async fn a_picture_that_never_stands_still_does_not_hold_up_a_drain() {
    let Stage { hub, clock, chart } = stage();
    let mut viewer = hub.join(&chart).watch(None);
    hub.drain(Duration::from_secs(10));
    for seq in 1.. {
        hub.show(&chart, &frame(seq, &format!("<svg>{seq}</svg>")), PUBLIC);
        match viewer.next().await {
            Seen::End(EndReason::Draining) => return,
            _ => clock.advance(Duration::from_secs(1)),
        }
        assert!(seq < 12, "it is still there after the drain");
    }
}

#[tokio::test]
async fn a_session_keeps_its_pace_and_the_newest_frame_always_comes() {
    let Stage { hub, clock, chart } = stage();
    let paced = Terms { max_frames_per_second: NonZeroU16::new(2), ..PUBLIC };
    let mut viewer = hub.join(&chart).watch(None);
    let show = |seq, terms| {
        hub.show(&chart, &frame(seq, &format!("<svg>{seq}</svg>")), terms);
    };
    show(1, paced);
    assert_eq!(sees(&mut viewer).await, "<svg>1</svg>");
    for seq in 2..=5 {
        show(seq, paced);
        sees_nothing(&mut viewer);
    }
    clock.advance(Duration::from_millis(499));
    sees_nothing(&mut viewer);
    clock.advance(Duration::from_millis(1));
    assert_eq!(sees(&mut viewer).await, "<svg>5</svg>");
    sees_nothing(&mut viewer);
    // After a while of nothing, the next one does not wait.
    clock.advance(Duration::from_secs(1));
    show(6, paced);
    assert_eq!(sees(&mut viewer).await, "<svg>6</svg>");
    show(7, PUBLIC);
    clock.advance(Duration::from_millis(500));
    assert_eq!(sees(&mut viewer).await, "<svg>7</svg>");
    show(8, PUBLIC);
    assert_eq!(sees(&mut viewer).await, "<svg>8</svg>");
}

#[tokio::test]
async fn an_end_keeps_no_pace() {
    let Stage { hub, chart, .. } = stage();
    let slow = NonZeroU16::new(1);
    let paced = Terms { max_frames_per_second: slow, ..PUBLIC };
    let mut viewers: Vec<_> = (0..2).map(|_| hub.join(&chart).watch(None)).collect();
    hub.show(&chart, &frame(1, "<svg>1</svg>"), paced);
    for viewer in &mut viewers {
        assert_eq!(sees(viewer).await, "<svg>1</svg>");
    }
    hub.show(&chart, &frame(2, "<svg>2</svg>"), paced);
    sees_nothing(&mut viewers[0]);
    hub.show(&chart, &frame(3, "<svg>3</svg>"), Terms { max_frames_per_second: slow, ..PRIVATE });
    assert!(matches!(viewers[0].next().await, Seen::End(EndReason::Revoked)));
    hub.end(&chart, 1, EndReason::Deleted);
    assert!(matches!(viewers[1].next().await, Seen::End(EndReason::Deleted)));
}
