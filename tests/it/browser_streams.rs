//! A real browser watches: pictures repaint as they come, on one connection, and stay when
//! the server goes.

use serde_json::json;
use tests::{Browser, Process, Size, StaticPage};

/// Each picture has a colour of its own, and a width, which scripts can read.
const SWATCH: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{{ w }}\" height=\"40\">",
    "<rect width=\"100%\" height=\"100%\" fill=\"{{ fill }}\"/></svg>"
);

const RED: [u64; 3] = [255, 0, 0];
const GREEN: [u64; 3] = [0, 128, 0];
const BLUE: [u64; 3] = [0, 0, 255];

/// A server of its own process, whose log says how many requests came.
async fn server() -> Process {
    let server = Process::start(&["--log", "debug", "--drain-timeout", "1s"]).await;
    let args = json!({ "fill": "red", "w": 101 });
    server.owner("alice").await.draws("swatch", SWATCH, args).await;
    server
}

async fn paints(server: &Process, fill: &str, width: u32) {
    let owner = server.owner("alice").await;
    owner.puts("swatch", json!({ "fill": fill, "w": width })).await;
}

/// How often the stream was asked for.
fn requests(server: &Process) -> usize {
    let log = server.running().log();
    let asked =
        |line: &&str| line.contains("path=/stream/alice/swatch ") && line.contains("answered");
    log.lines().filter(asked).count()
}

fn page(body: &str) -> String {
    format!("<!doctype html><meta charset=\"utf-8\"><title>t</title><body>{body}")
}

fn image(server: &Process, attributes: &str) -> String {
    page(&format!("<img id=\"p\" src=\"{}\" {attributes}>", server.url("/stream/alice/swatch")))
}

/// The picture in `#p` follows every change on one connection, and outlives the server.
async fn follows(server: Process, browser: &Browser) {
    let width =
        |width: u32| format!("return document.querySelector('#p').naturalWidth === {width}");
    browser.comes_to(&width(101)).await;
    browser.shows_colour("#p", RED).await;
    paints(&server, "green", 102).await;
    browser.comes_to(&width(102)).await;
    browser.shows_colour("#p", GREEN).await;
    paints(&server, "blue", 103).await;
    browser.comes_to(&width(103)).await;
    browser.shows_colour("#p", BLUE).await;
    assert_eq!(requests(&server), 1, "all on one connection");
    let deltas = "easel_frame_compressions_total{format=\"Multipart\",block=\"Delta\"}";
    assert_eq!(server.metric(deltas).await, 2, "and compressed");
    let listed = server.owner("alice").await.lists().await;
    assert_eq!(listed.sessions[0].viewers, 1);

    server.running().signal("TERM");
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0, "{log}");
    browser.comes_to(&width(103)).await;
    browser.shows_colour("#p", BLUE).await;
}

#[tokio::test]
async fn an_image_repaints_within_one_connection_and_stays_when_the_server_stops() {
    let server = server().await;
    // A page of the server's own origin: one that watches something else.
    server.anyone().draws("other", SWATCH, json!({ "fill": "gray", "w": 10 })).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&server.url("/stream/other")).await;
    browser
        .evaluates(
            "const p = document.createElement('img'); p.id = 'p'; p.src = '/stream/alice/swatch'; \
             document.body.prepend(p)",
        )
        .await;
    follows(server, &browser).await;
    browser.closes().await;
}

#[tokio::test]
async fn an_image_on_another_site_repaints_just_as_well() {
    let server = server().await;
    let site = StaticPage::serve([127, 0, 0, 2], image(&server, "")).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&site.url()).await;
    let svg = server.get("/stream/alice/swatch.svg").await;
    assert!(svg.body.len() < 300, "small enough to be held back by a browser that sniffs");
    follows(server, &browser).await;
    browser.closes().await;
}

#[tokio::test]
async fn a_script_may_read_the_pixels_of_an_open_session() {
    let server = server().await;
    let site = StaticPage::serve([127, 0, 0, 2], image(&server, "crossorigin=anonymous")).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&site.url()).await;
    browser.comes_to("return document.querySelector('#p').naturalWidth === 101").await;
    let read = "const c = document.createElement('canvas').getContext('2d');
        c.drawImage(document.querySelector('#p'), 0, 0);
        return Array.from(c.getImageData(5, 5, 1, 1).data).join() === '255,0,0,255'";
    browser.comes_to(read).await;
    browser.closes().await;
}

#[tokio::test]
async fn objects_and_frames_repaint_too() {
    let server = server().await;
    let src = server.url("/stream/alice/swatch");
    let style = "width: 100px; height: 40px; border: 0; display: block";
    let body = format!(
        "<object id=\"o\" style=\"{style}\" data=\"{src}\"></object>\
         <embed id=\"e\" style=\"{style}\" src=\"{src}\">\
         <iframe id=\"f\" style=\"{style}\" src=\"{src}\"></iframe>\
         <div id=\"b\" style=\"{style}; background: url({src})\"></div>"
    );
    let site = StaticPage::serve([127, 0, 0, 2], page(&body)).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&site.url()).await;
    for embedding in ["#o", "#e", "#f", "#b"] {
        browser.shows_colour(embedding, RED).await;
    }
    paints(&server, "green", 120).await;
    for embedding in ["#o", "#e", "#f", "#b"] {
        browser.shows_colour(embedding, GREEN).await;
    }
    browser.closes().await;
}

#[tokio::test]
async fn a_page_with_an_event_source_follows_and_stops_at_the_end() {
    let server = server().await;
    let body = format!(
        "<div id=\"p\" style=\"width: max-content\"></div><script>
            window.ids = []; window.opened = 0; window.failed = 0;
            const source = new EventSource('{}');
            source.onopen = () => opened++;
            source.onmessage = (e) => {{ ids.push(e.lastEventId); p.innerHTML = e.data }};
            source.addEventListener('end', (e) => window.end = JSON.parse(e.data).reason);
            source.onerror = () => {{ failed++; window.state = source.readyState }};
        </script>",
        server.url("/stream/alice/swatch")
    );
    let site = StaticPage::serve([127, 0, 0, 2], page(&body)).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&site.url()).await;
    browser.shows_colour("#p", RED).await;
    paints(&server, "green", 102).await;
    browser.shows_colour("#p", GREEN).await;
    let revision = server.owner("alice").await.reads("swatch").await.summary.revision;
    let ids = browser.evaluates("return ids").await;
    assert_eq!(ids.as_array().unwrap().last().unwrap(), &json!(revision));
    assert_eq!(browser.evaluates("return [opened, failed]").await, json!([1, 0]));

    server.owner("alice").await.deletes("swatch").await;
    browser.comes_to("return window.end === 'deleted'").await;
    // It tries once more, is told that there is nothing more to come, and gives up for good.
    browser.comes_to("return window.state === EventSource.CLOSED").await;
    assert_eq!(requests(&server), 2);
    browser.closes().await;
}

#[tokio::test]
async fn the_address_of_a_stream_opens_a_page_that_watches_it() {
    let server = server().await;
    let browser = Browser::open(Size::Phone).await;
    browser.goes_to(&server.url("/stream/alice/swatch")).await;
    assert_eq!(browser.driver().title().await.unwrap(), "alice/swatch");
    browser.shows_colour("#picture", RED).await;
    browser.comes_to("return document.querySelector('#status').textContent === 'live'").await;
    paints(&server, "green", 102).await;
    browser.shows_colour("#picture", GREEN).await;
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.evaluates(wide).await, json!(false));

    server.owner("alice").await.deletes("swatch").await;
    browser
        .comes_to("return document.querySelector('#status').textContent === 'ended: deleted'")
        .await;
    let shown = "return document.querySelector('#picture').naturalWidth === 102";
    browser.comes_to(shown).await;
    browser.closes().await;
}

#[tokio::test]
async fn a_watch_page_comes_back_after_a_restart() {
    // An address that no other test connects from, so that the port is still free afterwards.
    let flags = ["--listen", "127.0.0.3:0", "--drain-timeout", "1s"];
    let server = Process::start(&flags).await;
    let args = json!({ "fill": "red", "w": 101 });
    server.owner("alice").await.draws("swatch", SWATCH, args).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&server.url("/stream/alice/swatch")).await;
    browser.shows_colour("#picture", RED).await;
    let listen = server.base().trim_start_matches("http://").to_owned();
    let data = server.data().clone();
    server.running().signal("TERM");
    assert_eq!(server.has_ended().await.0, 0);
    browser
        .comes_to("return document.querySelector('#status').textContent === 'reconnecting…'")
        .await;
    browser.shows_colour("#picture", RED).await;
    let server = Process::start_on(&data, &["--listen", &listen]).await;
    paints(&server, "green", 102).await;
    browser.shows_colour("#picture", GREEN).await;
    browser.closes().await;
}
