//! Compression that is made once for all viewers, and read by another library.

use futures_util::future::join_all;
use serde_json::json;
use tests::{COUNTER, Door, Node, Picture, Setup, Viewer, compressed, number, still_clock, wait};

fn compressions(format: &str, block: &str) -> String {
    format!("easel_frame_compressions_total{{format=\"{format}\",block=\"{block}\"}}")
}

async fn events(door: &Door) -> Viewer {
    Viewer::watch(compressed(door.stream("alice/chart"))).await
}

async fn parts(door: &Door) -> Picture {
    Picture::watch(compressed(door.stream("alice/chart"))).await
}

/// A template with one number, and so many paths that do not change.
fn drawing(paths: u32) -> String {
    let number = |p: u32| u64::from(p).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let paths = (0..paths).map(|p| format!("<path d=\"M{} {}\"/>", number(p), number(p + 9999)));
    COUNTER.replace("</svg>", &format!("{}</svg>", paths.collect::<String>()))
}

#[tokio::test]
async fn a_frame_is_compressed_once_however_many_watch_and_small_where_little_changes() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", &drawing(600), json!({ "n": 0 })).await;
    let svg = node.get("/stream/alice/chart.svg").await.is(200).text().len();
    assert!(svg > 16_000, "{svg} bytes");
    let doors = [(*node).clone(), node.over_http2()];
    let mut viewers = join_all((0..40).map(|n| events(&doors[n % 2]))).await;
    let mut pictures = join_all((0..20).map(|n| parts(&doors[n % 2]))).await;
    for viewer in &mut viewers {
        assert_eq!(viewer.header("content-encoding"), "gzip");
        assert!(viewer.header("vary").to_lowercase().contains("accept-encoding"));
        viewer.sees("data-n=\"0\"").await;
    }
    join_all(pictures.iter_mut().map(|picture| picture.sees("data-n=\"0\""))).await;
    let first: Vec<_> = viewers.iter().map(Viewer::wire_bytes).collect();
    for n in 1..=5 {
        owner.puts("chart", json!({ "n": n })).await;
        let wanted = format!("data-n=\"{n}\"");
        join_all(viewers.iter_mut().map(|viewer| viewer.sees(&wanted))).await;
        join_all(pictures.iter_mut().map(|picture| picture.sees(&wanted))).await;
    }
    for (viewer, first) in viewers.iter().zip(first) {
        let each = (viewer.wire_bytes() - first) / 5;
        assert!(each * 100 <= svg * 3, "{each} bytes for a change of a picture of {svg}");
    }
    for format in ["Sse", "Multipart"] {
        assert_eq!(node.metric(&compressions(format, "Whole")).await, 1, "{format}");
        assert_eq!(node.metric(&compressions(format, "Delta")).await, 5, "{format}");
    }
}

#[tokio::test]
async fn whoever_comes_late_or_was_slow_or_idle_sees_what_others_see() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", &drawing(200), json!({ "n": 0 })).await;
    let doors = [(*node).clone(), node.over_http2()];
    let (mut viewers, mut pictures) = (Vec::new(), Vec::new());
    for n in 1..=12 {
        let door = &doors[n % 2];
        viewers.push(events(door).await);
        pictures.push(parts(door).await);
        if n % 3 == 0 {
            // A sign of life goes out, and nothing else.
            join_all(viewers.iter_mut().map(async |viewer| {
                wait::as_time_passes(&clock, async {
                    loop {
                        if let Some(tests::Event::Heartbeat) = viewer.next().await {
                            return;
                        }
                    }
                })
                .await;
            }))
            .await;
        }
        owner.puts("chart", json!({ "n": n })).await;
        // Some read now, and some much later.
        for (at, (viewer, picture)) in viewers.iter_mut().zip(&mut pictures).enumerate() {
            if (at + n) % 2 == 0 {
                viewer.sees(&format!("data-n=\"{n}\"")).await;
                picture.sees(&format!("data-n=\"{n}\"")).await;
            }
        }
    }
    for (mut viewer, mut picture) in viewers.into_iter().zip(pictures) {
        if viewer.newest().is_none_or(|newest| newest.seq < 13) {
            viewer.sees("data-n=\"12\"").await;
        }
        while picture.last().is_none_or(|last| number(last) < 12) {
            picture.sees_next().await;
        }
    }
}

#[tokio::test]
async fn nobody_gets_what_they_did_not_ask_for_and_one_setting_switches_it_off() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    for refused in ["identity", "gzip;q=0", "br", "identity, gzip;q=0.1", "*;q=0"] {
        let request = node.stream("alice/chart").header("accept-encoding", refused);
        let mut viewer = Viewer::watch(request).await;
        assert!(!viewer.has_header("content-encoding"), "{refused}");
        viewer.sees("data-n").await;
    }
    let node = node.stops().await.set("stream-compression", "off").start().await;
    let mut viewer = events(&node).await;
    assert!(!viewer.has_header("content-encoding"));
    viewer.sees("data-n").await;
}

#[tokio::test]
async fn a_compressed_stream_ends_like_any_other() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    for door in [(*node).clone(), node.over_http2()] {
        owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
        let (mut viewer, mut picture) = (events(&door).await, parts(&door).await);
        viewer.sees("data-n").await;
        picture.sees("data-n").await;
        owner.deletes("chart").await;
        assert_eq!(viewer.sees_end().await, "deleted");
        picture.sees_end().await;
    }
}
