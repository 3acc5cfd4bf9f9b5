//! A real browser watches in private: with a cookie on pages of the same site, with a ticket
//! anywhere; and pages of other sites get nothing that they were not given.

use serde_json::{Value, json};
use tests::{Actor, Browser, Process, Size, StaticPage, wait};

/// Its width, which scripts can read, tells the pictures apart.
const SWATCH: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{{ w }}\" height=\"40\">",
    "<rect width=\"100%\" height=\"100%\" fill=\"{{ fill }}\"/></svg>"
);

const SAME_SITE: [u8; 4] = [127, 0, 0, 1];
const OTHER_SITE: [u8; 4] = [127, 0, 0, 2];

const RED: [u64; 3] = [255, 0, 0];
const GREEN: [u64; 3] = [0, 128, 0];

/// The same place by its name. Ports make origins and not sites; but to Chromium two bare
/// addresses are never of one site where it asks for `Cross-Origin-Resource-Policy`.
fn by_name(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}

async fn draws_in_private(owner: &Actor) {
    let body = json!({ "session_id": "diary", "template": SWATCH, "visibility": "private",
                       "args": { "fill": "red", "w": 101 } });
    owner.creates(&body).await.is(201);
}

async fn paints(owner: &Actor, fill: &str, width: u32) {
    owner.puts("diary", json!({ "fill": fill, "w": width })).await;
}

async fn blank(address: [u8; 4]) -> StaticPage {
    StaticPage::serve(address, "<!doctype html><title>t</title><body></body>".to_owned()).await
}

/// Puts an image into the page and waits until it is there or has failed: its width.
async fn width_of(browser: &Browser, url: &str) -> u64 {
    // A document shows a picture that it has again without asking for it.
    let separator = if url.contains('?') { '&' } else { '?' };
    let script = format!(
        "document.body.innerHTML = ''; window.seen = null;
         const p = document.createElement('img'); p.id = 'p';
         p.onerror = () => window.seen = 'nothing';
         p.src = '{url}{separator}again=' + Math.random(); document.body.append(p);"
    );
    browser.evaluates(&script).await;
    let seen = "const p = document.querySelector('#p');
        return p.naturalWidth ? String(p.naturalWidth) : window.seen";
    let seen = browser.comes_to(seen).await;
    seen.as_str().unwrap().parse().unwrap_or(0)
}

/// What a page's own script comes to.
async fn runs(browser: &Browser, script: &str) -> Value {
    let script = format!(
        "window.outcome = null;
         (async () => {{ {script} }})().then((v) => outcome = v, (e) => outcome = String(e.name));"
    );
    browser.evaluates(&script).await;
    browser.comes_to("return window.outcome").await
}

/// The script of a page that lets the browser watch.
fn sets(cookie: &str, token: &str) -> String {
    format!(
        "const answer = await fetch('{cookie}', {{ method: 'POST', credentials: 'include',
             headers: {{ Authorization: 'Bearer {token}' }} }});
         return answer.status;"
    )
}

#[tokio::test]
async fn a_cookie_shows_private_pictures_on_the_pages_of_one_site_only() {
    let site = blank(SAME_SITE).await;
    let page = by_name(&site.url());
    let server = Process::start(&["--cors-origins", page.trim_end_matches('/')]).await;
    let owner = server.owner("alice").await;
    draws_in_private(&owner).await;
    let picture = by_name(&server.url("/stream/alice/diary"));
    let cookie = by_name(&server.url("/api/auth/cookie"));
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&page).await;
    assert_eq!(width_of(&browser, &picture).await, 0, "nobody is signed in");

    assert_eq!(runs(&browser, &sets(&cookie, owner.token())).await, 200);
    assert_eq!(runs(&browser, "return 'seen: ' + document.cookie").await, "seen: ");
    assert_eq!(width_of(&browser, &picture).await, 101);
    browser.shows_colour("#p", RED).await;
    paints(&owner, "green", 102).await;
    browser.shows_colour("#p", GREEN).await;
    assert_eq!(width_of(&browser, &format!("{picture}.png")).await, 102);
    // The page shows it, and its script cannot read it.
    let reads =
        format!("return (await fetch('{picture}.svg', {{ credentials: 'include' }})).status");
    assert_eq!(runs(&browser, &reads).await, "TypeError");
    // The watch page of the server itself.
    browser.goes_to(&picture).await;
    browser.shows_colour("#picture", GREEN).await;
    paints(&owner, "red", 103).await;
    browser.shows_colour("#picture", RED).await;

    let elsewhere = blank(OTHER_SITE).await;
    browser.goes_to(&elsewhere.url()).await;
    for form in ["", ".svg", ".png"] {
        assert_eq!(width_of(&browser, &format!("{picture}{form}")).await, 0, "{form}");
    }
    for options in
        ["{}", "{ credentials: 'include' }", "{ credentials: 'include', mode: 'no-cors' }"]
    {
        let reads = format!(
            "const answer = await fetch('{picture}.svg', {options});
             return answer.status + ':' + (await answer.text()).length;"
        );
        let got = runs(&browser, &reads).await;
        assert!(["TypeError", "0:0"].contains(&got.as_str().unwrap()), "{options}: {got}");
    }
    // Nor can it set the cookie of a user of its own choice.
    let mallory = server.owner("mallory").await;
    assert_eq!(runs(&browser, &sets(&cookie, mallory.token())).await, "TypeError");

    browser.goes_to(&page).await;
    assert_eq!(width_of(&browser, &picture).await, 103, "it is still alice's");
    let forgets = format!(
        "const answer = await fetch('{cookie}', {{ method: 'DELETE', credentials: 'include' }});
         return answer.status;"
    );
    assert_eq!(runs(&browser, &forgets).await, 204);
    assert_eq!(width_of(&browser, &picture).await, 0);
    browser.closes().await;
}

#[tokio::test]
async fn a_ticket_shows_a_private_picture_on_any_page_once() {
    let server = Process::start(&[]).await;
    let owner = server.owner("alice").await;
    draws_in_private(&owner).await;
    let elsewhere = blank(OTHER_SITE).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&elsewhere.url()).await;
    let ticket = owner.gets_ticket("diary").await;
    let picture = server.url(&format!("/stream/alice/diary?ticket={ticket}"));
    assert_eq!(width_of(&browser, &picture).await, 101);
    paints(&owner, "green", 102).await;
    browser.shows_colour("#p", GREEN).await;
    assert_eq!(width_of(&browser, &picture).await, 0, "it is used up");

    let ticket = owner.gets_ticket("diary").await;
    let stream = server.url(&format!("/stream/alice/diary?ticket={ticket}"));
    let script = format!(
        "window.source = new EventSource('{stream}'); window.frames_seen = [];
         source.onmessage = (event) => frames_seen.push(event.data);
         source.onerror = () => window.failed = true; return true;"
    );
    runs(&browser, &script).await;
    browser.comes_to("return frames_seen.length === 1").await;
    paints(&owner, "red", 103).await;
    browser.comes_to("return frames_seen.length === 2 && frames_seen[1].includes('103')").await;
    let again = format!(
        "window.again = new EventSource('{stream}');
         return await new Promise((done) => again.onerror = () => done('state ' + again.readyState));"
    );
    assert_eq!(runs(&browser, &again).await, "state 2", "it gives up for good");

    // The watch page takes the ticket on, and out of the address bar.
    let ticket = owner.gets_ticket("diary").await;
    let page = server.url("/stream/alice/diary");
    let address = format!("{page}?ticket={ticket}");
    wait::soon("the page", browser.driver().goto(&address)).await.unwrap();
    browser.shows_colour("#picture", RED).await;
    assert_eq!(browser.evaluates("return location.href").await, page);
    owner.changes("diary", &json!({ "visibility": "public" })).await.is(204);
    paints(&owner, "green", 104).await;
    browser.shows_colour("#picture", GREEN).await;
    owner.deletes("diary").await;
    let status = "return document.querySelector('#status').textContent";
    browser.comes_to(&format!("{status} === 'ended: deleted'")).await;
    browser.closes().await;
}

#[tokio::test]
async fn a_page_of_a_named_site_uses_the_api_and_no_other_does() {
    let (named, other) = (blank(OTHER_SITE).await, blank(OTHER_SITE).await);
    let origin = named.url().trim_end_matches('/').to_owned();
    let server = Process::start(&["--cors-origins", &origin]).await;
    let owner = server.owner("alice").await;
    draws_in_private(&owner).await;
    let puts = |width: u32| {
        format!(
            "const answer = await fetch('{}', {{ method: 'PUT',
                 headers: {{ Authorization: 'Bearer {}', 'Content-Type': 'application/json' }},
                 body: JSON.stringify({{ args: {{ fill: 'green', w: {width} }} }}) }});
             return answer.status + ' ' + (answer.headers.get('ETag') !== null);",
            server.url(&owner.session("diary")),
            owner.token()
        )
    };
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&other.url()).await;
    assert_eq!(runs(&browser, &puts(110)).await, "TypeError");
    assert_eq!(owner.reads("diary").await.args["w"], 101, "it was not even sent");
    browser.goes_to(&named.url()).await;
    assert_eq!(runs(&browser, &puts(120)).await, "204 true");
    assert_eq!(owner.reads("diary").await.args["w"], 120);
    browser.closes().await;
}
