//! Crews over real sockets.

use std::{net::Ipv4Addr, num::NonZeroU16};

use common::{Frame, Revision, SessionAddress, api::Visibility};
use time::OffsetDateTime;
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::*;
use crate::{
    clock::ManualClock,
    encode::{Coding, EndReason, Format, Terms},
    hub::{Hub, Place},
};

const PUBLIC: Terms = Terms {
    visibility: Visibility::Public,
    expires_at: OffsetDateTime::UNIX_EPOCH,
    max_frames_per_second: None,
};

struct Stage {
    hub: Arc<Hub>,
    delivery: Arc<Delivery>,
    lifecycle: Lifecycle,
    chart: SessionAddress,
    door: TcpListener,
}

impl Stage {
    async fn set() -> Self {
        let clock = ManualClock::new(OffsetDateTime::UNIX_EPOCH);
        let lifecycle = Lifecycle::default();
        Self {
            hub: Hub::alone(&clock),
            delivery: Delivery::new(&lifecycle),
            lifecycle,
            chart: "alice/chart".parse().unwrap(),
            door: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(),
        }
    }

    fn shows(&self, seq: u64, svg: &str, terms: Terms) {
        let frame = Frame { revision: Revision { epoch: 1, seq }, svg: svg.into() };
        self.hub.show(&self.chart, &frame, terms);
    }

    /// A viewer, who has read nothing yet.
    async fn viewer(&self, format: Format) -> TcpStream {
        let mut place = self.hub.join(&self.chart);
        if place.shown().is_none() {
            let frame =
                Frame { revision: Revision { epoch: 1, seq: 1 }, svg: "<svg>1</svg>".into() };
            place.offer(&frame, PUBLIC);
        }
        let (reader, socket) = self.connection().await;
        self.carries(place, format, socket);
        reader
    }

    /// Both ends of a connection.
    async fn connection(&self) -> (TcpStream, TcpStream) {
        let address = self.door.local_addr().unwrap();
        let (reader, accepted) = tokio::join!(TcpStream::connect(address), self.door.accept());
        (reader.unwrap(), accepted.unwrap().0)
    }

    fn carries(&self, place: Place, format: Format, socket: TcpStream) {
        let live = Live::begin(None, place, format, Coding::Identity, None).unwrap();
        self.delivery.carry(live, socket, b"head ", Box::new(()));
    }

    fn crews(&self) -> usize {
        self.delivery.crews.iter().map(|berths| berths.len()).sum()
    }

    async fn has_no_crew(&self) {
        let gone = async {
            while !self.delivery.crews.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, gone).await.expect("crews that are forgotten");
    }
}

async fn reads(reader: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        assert_ne!(reader.read_buf(&mut read).await.unwrap(), 0, "no {text}");
        let so_far = String::from_utf8_lossy(&read);
        if so_far.contains(text) {
            return so_far.into_owned();
        }
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_crew_however_its_viewers_go() {
    let stage = Stage::set().await;
    for _ in 0..3 {
        let mut viewers = Vec::new();
        for n in 0..CREW + 10 {
            let format = if n % 2 == 0 { Format::Sse } else { Format::Multipart };
            viewers.push(stage.viewer(format).await);
        }
        assert_eq!(stage.crews(), 2);
        reads(&mut viewers[0], "<svg>1</svg>").await;
        drop(viewers);
        stage.has_no_crew().await;
    }
    let mut viewer = stage.viewer(Format::Sse).await;
    stage.hub.end(&stage.chart, 1, EndReason::Deleted);
    assert!(reads(&mut viewer, "0\r\n\r\n").await.starts_with("head "));
    stage.has_no_crew().await;
    let _viewer = stage.viewer(Format::Sse).await;
    stage.lifecycle.stop().await;
    stage.has_no_crew().await;
}

#[tokio::test]
async fn a_newcomer_is_let_in_by_what_is_shown_and_not_by_what_its_crew_has_heard() {
    let stage = Stage::set().await;
    let mut owner = stage.hub.join(&stage.chart);
    let later = OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_secs(9);
    owner.admit(later, std::future::pending());
    stage.shows(1, "<svg>private</svg>", Terms { visibility: Visibility::Private, ..PUBLIC });
    let (mut owners, socket) = stage.connection().await;
    stage.carries(owner, Format::Sse, socket);
    reads(&mut owners, "private").await;
    // All of this before the crew has its turn.
    let (mut strangers, socket) = stage.connection().await;
    stage.shows(2, "<svg>open</svg>", PUBLIC);
    stage.carries(stage.hub.join(&stage.chart), Format::Sse, socket);
    stage.shows(3, "<svg>still open</svg>", PUBLIC);
    let read = reads(&mut strangers, "still open").await;
    assert!(!read.contains("revoked"), "{read}");
    assert_eq!(stage.crews(), 1);
}

#[tokio::test]
async fn the_last_frame_comes_before_the_end_at_any_pace() {
    let stage = Stage::set().await;
    let paced = Terms { max_frames_per_second: NonZeroU16::new(1), ..PUBLIC };
    let mut readers = Vec::new();
    for format in [Format::Sse, Format::Multipart] {
        readers.push(stage.viewer(format).await);
    }
    stage.shows(2, "<svg>98 %</svg>", paced);
    for reader in &mut readers {
        reads(reader, "98 %").await;
    }
    stage.shows(3, "<svg>99 %</svg>", paced);
    stage.shows(4, "<svg>100 %</svg>", paced);
    stage.hub.end(&stage.chart, 1, EndReason::Deleted);
    for reader in &mut readers {
        let read = reads(reader, "0\r\n\r\n").await;
        assert!(read.contains("100 %") && !read.contains("99 %"), "{read}");
    }
}
