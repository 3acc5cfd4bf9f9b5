//! Pictures of strangers: each attack is stored, if it is taken at all, and opened in a real
//! browser in every way in which a picture can be shown. Nothing runs, and no request leaves.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Browser, Node, Size, StaticPage, wait};

use crate::picture_attacks::{
    ATTACKS, HARMLESS, OPEN,
    Raw::{self, Leaves, Works},
    WHOLE,
};

/// Every attack as a picture, aimed at a site.
fn aimed(site: &StaticPage) -> Vec<(&'static str, Raw, String)> {
    let host = site.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let aim = |name: &str, text: &str| {
        let url = format!("http://{host}/{name}");
        let script =
            format!("void((self.pwned=self.pwned||[]).push('{name}'),new Image().src='{url}')");
        let text = text.replace("RUN", &script).replace("URL", &url);
        text.replace("HOST", &host).replace("NAME", name)
    };
    let body = |(name, raw, body): &(&'static str, Raw, &str)| {
        (*name, *raw, aim(name, &format!("{OPEN}{body}</svg>")))
    };
    let whole = |(name, raw, text): &(&'static str, Raw, &str)| (*name, *raw, aim(name, text));
    ATTACKS.iter().map(body).chain(WHOLE.iter().map(whole)).collect()
}

/// Shows every picture in every way, touches everything in it, and waits until all has settled:
/// the names of what ran in the page. `url` is where a server has it; the `text` is shown
/// without any policy around it. What is `framed` takes a process of the browser each time.
const SHOW: &str = r#"
    const [pictures, site, done] = arguments;
    const frames = async (n) => { while (n--) await new Promise(requestAnimationFrame) };
    const loads = [];
    const add = (tag, name, value) => {
        const element = document.createElement(tag);
        const loaded = new Promise((settle) => {
            element.onload = element.onerror = settle;
            setTimeout(settle, 3000);
        });
        loads.push(loaded);
        element[name] = value;
        document.body.append(element);
        return element;
    };
    const touch = (root) => {
        for (const element of root.querySelectorAll('*')) {
            for (const name of ['mouseover', 'mouseenter', 'mousemove', 'focus', 'focusin', 'click']) {
                const kind = name.startsWith('focus') ? FocusEvent : MouseEvent;
                const bubbles = name !== 'focus' && name !== 'mouseenter';
                element.dispatchEvent(new kind(name, { bubbles, cancelable: true }));
            }
        }
    };
    (async () => {
        window.onerror = () => true;
        for (const { text, url, framed } of pictures) {
            const own = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
            const inline = document.createElement('div');
            document.body.append(inline);
            inline.innerHTML = text;
            const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
            document.body.append(document.adoptNode(parsed.documentElement));
            add('iframe', 'src', own);
            add('img', 'src', own);
            if (url) add('img', 'src', url);
            if (framed) {
                add('iframe', 'src', url);
                add('object', 'data', url);
                add('embed', 'src', url);
            }
        }
        await Promise.all(loads);
        await frames(10);
        for (const frame of document.querySelectorAll('iframe')) {
            try { touch(frame.contentDocument) } catch {}
        }
        touch(document.body);
        await document.fonts.ready;
        await frames(20);
        // Whatever was asked for before this was asked for earlier.
        await fetch(site + 'settled', { mode: 'no-cors' });
        done(window.pwned || []);
    })().catch((error) => done(['the test itself: ' + error]));
"#;

const CLICK_EVERYWHERE: &str = "for (const element of document.querySelectorAll('*'))
    element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))";

async fn shows(browser: &Browser, pictures: Value, site: &StaticPage) -> BTreeSet<String> {
    let shown = browser.driver().execute_async(SHOW, vec![pictures, json!(site.url())]);
    let ran = wait::soon("all pictures", shown).await.expect("pictures that are shown");
    let ran = ran.as_array().expect("a list").iter();
    let ran = ran.map(|name| name.as_str().expect("a name").to_owned());
    let asked = site.asked_for().into_iter().map(|path| path.trim_start_matches('/').to_owned());
    let asked = asked.filter(|path| path != "settled" && path != "favicon.ico");
    let name = |path: String| path.split(['/', '#']).next().unwrap_or_default().to_owned();
    ran.chain(asked.map(name)).collect()
}

fn blank() -> String {
    "<!doctype html><meta charset=\"utf-8\"><title>t</title><body>".to_owned()
}

#[tokio::test]
async fn no_picture_runs_or_loads_anything_wherever_it_is_shown() {
    let node = Node::start().await;
    let site = StaticPage::serve([127, 0, 0, 9], blank()).await;
    let page = StaticPage::serve([127, 0, 0, 2], blank()).await;
    let (mut pictures, mut bodies, mut refused) = (Vec::new(), String::new(), Vec::new());
    for (i, (name, _, picture)) in aimed(&site).into_iter().enumerate() {
        let id = format!("attack-{i}");
        // A template that is one string: nothing in an attack means anything to the engine.
        let body =
            json!({ "session_id": id, "template": format!("{{% raw %}}{picture}{{% endraw %}}") });
        let answer = node.anyone().creates(&body).await;
        if answer.status != 201 {
            assert_eq!(answer.status, 422, "{name}: {}", answer.text());
            refused.push(name);
            continue;
        }
        let kept = node.get(&format!("/stream/{id}.svg")).await.is(200).text().to_owned();
        if let Some(body) = kept.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix("</svg>")) {
            bodies.push_str(body);
        }
        let url = node.url(&format!("/stream/{id}?as=svg"));
        pictures.push(json!({ "text": kept, "url": url }));
    }
    // A document type, and another root.
    assert!(refused.contains(&"entity") && refused.contains(&"html-root"), "{refused:?}");
    assert!(refused.len() < 10, "the others are cleaned, and shown: {refused:?}");

    // All of them in one picture, too.
    let all = format!("{OPEN}{bodies}</svg>");
    let template = format!("{{% raw %}}{all}{{% endraw %}}");
    node.anyone().creates(&json!({ "session_id": "all", "template": template })).await.is(201);
    let url = node.url("/stream/all?as=svg");
    pictures.push(json!({ "text": all, "url": url, "framed": true }));

    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&page.url()).await;
    assert_eq!(shows(&browser, json!(pictures), &site).await, BTreeSet::new());

    // And opened by itself, as a picture and as a page that watches.
    for path in ["/stream/all.svg", "/stream/all?as=svg"] {
        browser.goes_to(&node.url(path)).await;
        browser.comes_to("return document.documentElement.localName === 'svg'").await;
        browser.evaluates(CLICK_EVERYWHERE).await;
    }
    browser.goes_to(&node.url("/stream/all?as=html")).await;
    browser.comes_to("return document.querySelector('#picture').naturalWidth > 0").await;
    browser.goes_to(&page.url()).await;
    assert_eq!(shows(&browser, json!([]), &site).await, BTreeSet::new());
    browser.closes().await;
}

/// The eyes of the test above: the same attacks in the same page do run and load when nobody
/// has cleaned them.
#[tokio::test]
async fn what_nobody_cleaned_is_seen_to_run_and_to_load() {
    let site = StaticPage::serve([127, 0, 0, 9], blank()).await;
    let page = StaticPage::serve([127, 0, 0, 2], blank()).await;
    let attacks = aimed(&site);
    let shown = attacks.iter().filter(|(_, raw, _)| *raw != Leaves);
    let pictures: Vec<Value> = shown.map(|(_, _, text)| json!({ "text": text })).collect();
    let browser = Browser::open(Size::Desk).await;
    let mut seen = BTreeSet::new();
    // In several pages: some attacks spoil the page for those after them.
    for some in pictures.chunks(30) {
        browser.goes_to(&page.url()).await;
        seen.append(&mut shows(&browser, json!(some), &site).await);
    }
    let works = attacks.iter().filter(|(_, raw, _)| *raw == Works);
    let works: BTreeSet<String> = works.map(|(name, ..)| (*name).to_owned()).collect();
    let unseen: Vec<_> = works.difference(&seen).collect();
    assert!(
        unseen.is_empty(),
        "not seen: {unseen:?}; more than expected: {:?}",
        seen.difference(&works).collect::<Vec<_>>()
    );
    browser.closes().await;
}

#[tokio::test]
async fn harmless_pictures_come_through_to_the_letter_and_are_shown() {
    let node = Node::start().await;
    let page = StaticPage::serve([127, 0, 0, 2], blank()).await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&page.url()).await;
    for (i, body) in HARMLESS.iter().enumerate() {
        let picture = format!("{OPEN}{body}</svg>");
        let id = format!("harmless-{i}");
        let template = format!("{{% raw %}}{picture}{{% endraw %}}");
        let session = json!({ "session_id": id, "template": template });
        node.anyone().creates(&session).await.is(201);
        assert_eq!(node.get(&format!("/stream/{id}.svg")).await.text(), picture);
        let shown = format!(
            "const img = new Image(); img.src = '{}'; window.shown = img; return true",
            node.url(&format!("/stream/{id}.svg"))
        );
        browser.evaluates(&shown).await;
        browser.comes_to("return window.shown.complete && window.shown.naturalWidth === 40").await;
    }
    browser.closes().await;
}
