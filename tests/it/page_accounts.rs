//! Accounts on the workbench, as people have them: from the mail that makes one to the button
//! that ends it, in a real browser.

use common::{api::ErrorCode, path};
use fantoccini::key::Key;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Browser, Mailbox, Member, Node, PASSWORD, Setup, Size, easel, still_clock, wait};

const NEW_PASSWORD: &str = "some other words than before";

/// The width up to which a page may be scrolled sideways.
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// Everything that a script can keep or read.
const KEPT: &str = "return JSON.stringify(
    [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])";

/// Types into a field in place of what is there.
async fn types(browser: &Browser, css: &str, text: &str) {
    let field = browser.finds(css).await;
    let all = format!("{}a{}", Key::Control, Key::Null);
    field.send_keys(&all).await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn clicks(browser: &Browser, css: &str) {
    let element = browser.finds(css).await;
    // A page that is still growing may push it away: scrolled to, it stays.
    let script = format!("document.querySelector('{css}').scrollIntoView({{ block: 'center' }})");
    browser.evaluates(&script).await;
    element.click().await.unwrap();
}

/// Waits until an element says something, and reads it.
async fn reads(browser: &Browser, css: &str) -> String {
    let script = format!("return document.querySelector('{css}')?.innerText");
    browser.comes_to(&script).await.as_str().unwrap().to_owned()
}

async fn signs_in(browser: &Browser, name: &str, password: &str) {
    types(browser, "#account-name", name).await;
    types(browser, "#account-password", password).await;
    clicks(browser, "#account-sign-in").await;
    browser.finds("#sign-out").await;
}

/// Opens the page on someone's own account.
async fn opens_account(browser: &Browser, node: &Node, user: &str) {
    browser.goes_to(&node.url("/account")).await;
    signs_in(browser, user, PASSWORD).await;
    browser.finds("#sign-ins > li").await;
}

/// Follows a link in a mail, and waits until the page has taken its token out of the address.
async fn follows(browser: &Browser, node: &Node, link: &str) {
    let (page, token) = link.split_once('#').unwrap();
    assert!(token.starts_with("token="), "{link}");
    wait::soon("a page", browser.driver().goto(link)).await.unwrap();
    let page = page.strip_prefix(node.base()).unwrap();
    browser.comes_to(&format!("return location.pathname + location.hash === '{page}'")).await;
}

/// How many there are of something.
async fn count(browser: &Browser, css: &str, number: u64) {
    let script = format!("return document.querySelectorAll('{css}').length === {number}");
    browser.comes_to(&script).await;
}

#[tokio::test]
async fn a_newcomer_gets_an_account_by_mail_and_draws() {
    let node = Setup::default().set("minting", "accounts").start().await;
    let browser = Browser::open(Size::Desk).await;
    browser.goes_to(&node.url("/")).await;
    clicks(&browser, "#register").await;
    types(&browser, "#new-user-id", "alice").await;
    types(&browser, "#email", "alice@example.com").await;
    types(&browser, "#new-password", "short").await;
    clicks(&browser, "#create-account").await;
    reads(&browser, "#new-password-problem p").await;
    let faulty = "return document.activeElement.id";
    browser.comes_to(&format!("{faulty} === 'new-password'")).await;
    types(&browser, "#new-password", PASSWORD).await;
    clicks(&browser, "#create-account").await;

    let mails = Mailbox::of("alice@example.com", &[&node]);
    let first = mails.gets(1).await;
    clicks(&browser, "#resend").await;
    reads(&browser, "#resent p").await;
    let second = mails.gets(2).await;
    // The newest link is the good one, and good once.
    follows(&browser, &node, first.link()).await;
    reads(&browser, "#problem").await;
    follows(&browser, &node, second.link()).await;
    assert!(reads(&browser, "#verified").await.contains("alice"));
    let name = browser.evaluates("return document.querySelector('#account-name').value").await;
    assert_eq!(name, "alice");

    types(&browser, "#account-password", PASSWORD).await;
    clicks(&browser, "#account-sign-in").await;
    clicks(&browser, "#new-session").await;
    clicks(&browser, "label[data-template=gauge]").await;
    types(&browser, "#session-id", "load").await;
    clicks(&browser, "#create").await;
    browser.comes_to("return document.querySelector('#picture')?.naturalWidth").await;
    node.get("/stream/alice/load.svg").await.is(200);

    // No script can read what the sign-in lives by, and it outlives the page.
    let kept = browser.evaluates(KEPT).await;
    assert_eq!(kept, r#"[[["easel.signed-in","yes"]],[],""]"#);
    browser.goes_to(&node.url("/")).await;
    browser.finds("[data-session=load]").await;
    assert_eq!(reads(&browser, "#who").await, "alice");
    follows(&browser, &node, second.link()).await;
    reads(&browser, "#problem").await;
    browser.closes().await;
}

#[tokio::test]
async fn a_name_that_someone_has_is_said_to_be_taken_where_it_was_typed() {
    let node = Node::start().await;
    node.member("alice").await;
    let browser = Browser::open(Size::Phone).await;
    browser.goes_to(&node.url("/register")).await;
    types(&browser, "#new-user-id", "alice").await;
    types(&browser, "#email", "other@example.com").await;
    types(&browser, "#new-password", PASSWORD).await;
    clicks(&browser, "#create-account").await;
    reads(&browser, "#new-user-id-problem p").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    browser.closes().await;
}

/// How often the page of this tab has asked for another token.
async fn renewals(browser: &Browser, node: &Node) -> u64 {
    let script =
        format!("return performance.getEntriesByName('{}').length", node.url(path::REFRESH));
    browser.evaluates(&script).await.as_u64().unwrap()
}

#[tokio::test]
async fn tabs_share_a_sign_in_its_renewals_and_its_end() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    node.member("alice").await;
    let browser = Browser::open(Size::Desk).await;
    let driver = browser.driver();
    browser.goes_to(&node.url("/")).await;
    let one = driver.window().await.unwrap();
    let other = driver.new_window(true).await.unwrap().handle;
    driver.switch_to_window(other.clone()).await.unwrap();
    browser.goes_to(&node.url("/")).await;
    browser.finds("#account-name").await;

    // Whoever signs in in one tab has done so in all.
    driver.switch_to_window(one.clone()).await.unwrap();
    signs_in(&browser, "alice@example.com", PASSWORD).await;
    driver.switch_to_window(other.clone()).await.unwrap();
    assert_eq!(reads(&browser, "#who").await, "alice");
    assert_eq!(renewals(&browser, &node).await, 0);

    // The token of both has ended by the server's clock. Whoever notices gets another for both.
    clock.advance(std::time::Duration::from_secs(1_000));
    clicks(&browser, "#account").await;
    browser.finds("#sign-ins > li").await;
    assert_eq!(renewals(&browser, &node).await, 1);
    driver.switch_to_window(one.clone()).await.unwrap();
    clicks(&browser, "#account").await;
    browser.finds("#sign-ins > li").await;
    assert_eq!(renewals(&browser, &node).await, 0);

    // A tab that is opened later gets one by the cookie, and the others use that from then on.
    let third = driver.new_window(true).await.unwrap().handle;
    driver.switch_to_window(third).await.unwrap();
    browser.goes_to(&node.url("/")).await;
    assert_eq!(reads(&browser, "#who").await, "alice");
    assert_eq!(renewals(&browser, &node).await, 1);

    clicks(&browser, "#sign-out").await;
    browser.finds("#account-name").await;
    for tab in [one, other] {
        driver.switch_to_window(tab).await.unwrap();
        reads(&browser, "#notice").await;
        browser.finds("#account-name").await;
    }
    assert_eq!(browser.evaluates(KEPT).await, r#"[[],[],""]"#);
    browser.goes_to(&node.url("/")).await;
    browser.finds("#account-name").await;
    browser.closes().await;
}

#[tokio::test]
async fn whoever_has_no_account_is_left_alone_by_those_who_have() {
    let node = Node::start().await;
    node.member("alice").await;
    let browser = Browser::open(Size::Desk).await;
    let driver = browser.driver();
    browser.goes_to(&node.url("/")).await;
    types(&browser, "#user-id", "bob").await;
    clicks(&browser, "#sign-in").await;
    assert_eq!(reads(&browser, "#who").await, "bob");
    let bobs = driver.window().await.unwrap();
    let other = driver.new_window(true).await.unwrap().handle;
    driver.switch_to_window(other).await.unwrap();
    browser.goes_to(&node.url("/")).await;
    signs_in(&browser, "alice", PASSWORD).await;
    driver.switch_to_window(bobs).await.unwrap();
    assert_eq!(reads(&browser, "#who").await, "bob");
    clicks(&browser, "#account").await;
    reads(&browser, "#no-account").await;
    // The account's name is not to be had without its password.
    clicks(&browser, "#sign-out").await;
    types(&browser, "#user-id", "alice").await;
    clicks(&browser, "#sign-in").await;
    reads(&browser, "#user-id-problem p").await;
    browser.closes().await;
}

#[tokio::test]
async fn a_sign_in_is_ended_from_afar_and_a_new_password_ends_all_others() {
    let node = Node::start().await;
    let elsewhere = node.member("alice").await;
    let browser = Browser::open(Size::Desk).await;
    opens_account(&browser, &node, "alice").await;
    count(&browser, "#sign-ins > li", 2).await;
    assert!(reads(&browser, "#sign-ins > li[data-current=true]").await.contains("Chrome on"));
    clicks(&browser, "#sign-ins > li[data-current=false] .end").await;
    count(&browser, "#sign-ins > li", 1).await;
    assert!(!elsewhere.is_signed_in().await);

    let elsewhere = node.signs_in("alice").await;
    let type_passwords = async |current: &str| {
        types(&browser, "#current-password", current).await;
        types(&browser, "#new-password", NEW_PASSWORD).await;
        clicks(&browser, "#change-password").await;
    };
    type_passwords("not this one").await;
    reads(&browser, "#current-password-problem p").await;
    assert!(elsewhere.is_signed_in().await);
    type_passwords(PASSWORD).await;
    reads(&browser, "#password-changed p").await;
    assert!(!elsewhere.is_signed_in().await);
    node.logs_in("alice@example.com", PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    node.logs_in("alice@example.com", NEW_PASSWORD).await.is(200);

    // This one goes on, and ends when someone ends it elsewhere.
    clicks(&browser, "header .brand").await;
    browser.finds("#new-session").await;
    clicks(&browser, "#account").await;
    count(&browser, "#sign-ins > li", 2).await;
    clicks(&browser, "#end-others").await;
    count(&browser, "#sign-ins > li", 1).await;
    let answer = node.logs_in("alice@example.com", NEW_PASSWORD).await.is(200).json();
    let elsewhere = node.bearer("alice", answer["access_token"].as_str().unwrap());
    elsewhere.send(elsewhere.request(Method::DELETE, path::SIGN_INS)).await.is(204);
    clicks(&browser, "header .brand").await;
    reads(&browser, "#notice").await;
    browser.finds("#account-name").await;
    browser.closes().await;
}

#[tokio::test]
async fn a_key_is_seen_once_works_and_is_revoked() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    alice.creates(&json!({ "session_id": "load", "template_name": "gauge" })).await.is(201);
    let browser = Browser::open(Size::Desk).await;
    opens_account(&browser, &node, "alice").await;
    clicks(&browser, "#new-key").await;
    types(&browser, "#key-name", "build server").await;
    clicks(&browser, "#create-key").await;
    reads(&browser, "#scopes-problem p").await;
    types(&browser, "#scope-update-ids", "load").await;
    clicks(&browser, "#create-key").await;
    let key = reads(&browser, "#made-key code").await;
    let program = node.bearer("alice", &key);
    program.puts("load", json!({ "value": 42 })).await;
    program.creates(&json!({ "template_name": "gauge" })).await.is(403);

    browser.goes_to(&node.url("/account")).await;
    let row = "#keys > [data-key=\"build server\"]";
    assert!(reads(&browser, row).await.contains("update:load"));
    assert_eq!(browser.evaluates("return document.querySelector('#made-key')").await, Value::Null);
    clicks(&browser, &format!("{row} .end")).await;
    clicks(&browser, "#confirm-revoke").await;
    reads(&browser, "#no-keys").await;
    program.changes("load", &json!({ "args": { "value": 1 } })).await.is(401);
    browser.closes().await;
}

#[tokio::test]
async fn an_account_is_deleted_by_whoever_types_its_name_and_its_password() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    alice.creates(&json!({ "session_id": "load", "template_name": "gauge" })).await.is(201);
    let browser = Browser::open(Size::Phone).await;
    opens_account(&browser, &node, "alice").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    clicks(&browser, "#delete-account").await;
    types(&browser, "#delete-name", "alic").await;
    types(&browser, "#delete-password", "not this one").await;
    let button = browser.finds("#confirm-delete-account").await;
    assert!(!button.is_enabled().await.unwrap());
    types(&browser, "#delete-name", "alice").await;
    clicks(&browser, "#confirm-delete-account").await;
    reads(&browser, "#delete-password-problem p").await;
    types(&browser, "#delete-password", PASSWORD).await;
    clicks(&browser, "#confirm-delete-account").await;
    assert!(reads(&browser, "#notice").await.contains("deleted"));
    assert_eq!(browser.evaluates(KEPT).await, r#"[[],[],""]"#);
    // What it drew follows it at once, not before its owner hears.
    wait::until("the end of a session", async || {
        (node.get("/stream/alice/load.svg").await.status == 404).then_some(())
    })
    .await;
    assert!(!alice.is_signed_in().await);
    node.logs_in("alice@example.com", PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    browser.closes().await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail() {
    let node = Node::start().await;
    let elsewhere = node.member("alice").await;
    let browser = Browser::open(Size::Phone).await;
    browser.goes_to(&node.url("/")).await;
    clicks(&browser, "#forgotten").await;
    types(&browser, "#email", "alice@example.com").await;
    clicks(&browser, "#send-mail").await;
    reads(&browser, "#mailed").await;
    assert_eq!(browser.evaluates(OVERFLOW).await, 0);
    let mail = Mailbox::of("alice@example.com", &[&node]).gets(2).await;
    follows(&browser, &node, mail.link()).await;
    types(&browser, "#new-password", "1234567890").await;
    clicks(&browser, "#set-password").await;
    reads(&browser, "#new-password-problem p").await;
    types(&browser, "#new-password", NEW_PASSWORD).await;
    clicks(&browser, "#set-password").await;
    reads(&browser, "#reset").await;
    assert!(!elsewhere.is_signed_in().await);
    signs_in(&browser, "alice", NEW_PASSWORD).await;
    browser.finds("#new-session").await;

    follows(&browser, &node, mail.link()).await;
    types(&browser, "#new-password", PASSWORD).await;
    clicks(&browser, "#set-password").await;
    reads(&browser, "#problem").await;
    browser.closes().await;
}

/// Someone whom an operator has given a role.
async fn with_role(node: &Node, user: &str, role: &str) -> Member {
    node.member(user).await;
    let data = node.data().to_str().unwrap();
    let args = ["account", "role", user, "USER", role, "--data-dir", data];
    easel(node.data(), &[], &args).await.succeeds();
    node.signs_in(user).await
}

#[tokio::test]
async fn an_administrator_gives_roles_disables_and_reads_the_log() {
    let node = Node::start().await;
    let (boss, bob) = (with_role(&node, "boss", "ADMIN").await, node.member("bob").await);
    let browser = Browser::open(Size::Desk).await;
    opens_account(&browser, &node, "boss").await;
    clicks(&browser, "#admin").await;
    count(&browser, "#accounts > li", 2).await;

    clicks(&browser, "[data-user=bob] .roles").await;
    clicks(&browser, "#role-auditor").await;
    clicks(&browser, "#save-roles").await;
    reads(&browser, "[data-user=bob] .tag").await;
    let account = boss.get("/api/users/bob").await.is(200).json();
    assert_eq!(account["roles"], json!(["USER", "AUDITOR"]));
    assert!(!bob.is_signed_in().await, "other roles end sign-ins");

    // The last administrator stays.
    clicks(&browser, "[data-user=boss] .roles").await;
    clicks(&browser, "#role-admin").await;
    clicks(&browser, "#save-roles").await;
    reads(&browser, "#roles-problem p").await;
    clicks(&browser, "#cancel-roles").await;

    clicks(&browser, "[data-user=bob] .disable").await;
    browser.finds("[data-user=bob][data-disabled=true]").await;
    node.logs_in("bob@example.com", PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    clicks(&browser, "[data-user=bob] .disable").await;
    browser.finds("[data-user=bob][data-disabled=false]").await;
    node.logs_in("bob@example.com", PASSWORD).await.is(200);

    clicks(&browser, ".tabs a[href=\"/admin/audit\"]").await;
    browser.finds("#audit > [data-action=\"account.disabled\"]").await;
    types(&browser, "#target", "bob").await;
    let choose = "const list = document.querySelector('#action');
        list.value = 'account.roles_changed';
        list.dispatchEvent(new Event('change', { bubbles: true }));";
    browser.evaluates(choose).await;
    clicks(&browser, "#filter").await;
    count(&browser, "#audit > li", 1).await;
    assert!(reads(&browser, "#audit > li").await.contains("boss"));
    // What is saved is the same part of it.
    let catch = "const make = URL.createObjectURL;
        URL.createObjectURL = (file) => {
            file.text().then((text) => window.saved = text);
            return make.call(URL, file);
        };";
    browser.evaluates(catch).await;
    clicks(&browser, "#export").await;
    let saved = browser.comes_to("return window.saved").await;
    let entries: Vec<Value> =
        saved.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["action"], "account.roles_changed");

    clicks(&browser, "#admin").await;
    clicks(&browser, "[data-user=bob] .delete").await;
    clicks(&browser, "#confirm-delete").await;
    count(&browser, "#accounts > li", 1).await;
    boss.get("/api/users/bob").await.is(404);
    browser.closes().await;
}

#[tokio::test]
async fn others_are_offered_no_more_than_their_roles_allow() {
    let node = Node::start().await;
    with_role(&node, "oscar", "OPERATOR").await;
    with_role(&node, "audrey", "AUDITOR").await;
    node.member("bob").await;
    let browser = Browser::open(Size::Phone).await;
    let buttons = "return [...document.querySelectorAll('#accounts > li')].map((row) =>
        row.dataset.user + ':' + [...row.querySelectorAll('button')].map((b) => b.innerText))
        .join(' ')";
    let tabs = "return document.querySelectorAll('.tabs a').length";
    for (user, offered, links) in
        [("oscar", "audrey: bob:Disable oscar:", 0), ("audrey", "audrey: bob: oscar:", 2)]
    {
        opens_account(&browser, &node, user).await;
        clicks(&browser, "#admin").await;
        count(&browser, "#accounts > li", 3).await;
        assert_eq!(browser.evaluates(buttons).await, offered);
        assert_eq!(browser.evaluates(tabs).await, links);
        assert_eq!(browser.evaluates(OVERFLOW).await, 0);
        clicks(&browser, "#sign-out").await;
        browser.finds("#account-name").await;
    }
    opens_account(&browser, &node, "bob").await;
    assert_eq!(browser.evaluates("return document.querySelector('#admin')").await, Value::Null);
    browser.goes_to(&node.url("/admin")).await;
    reads(&browser, "#not-allowed").await;
    browser.closes().await;
}
