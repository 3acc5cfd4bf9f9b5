//! What remains to be done after a change is done, whatever the world does meanwhile: with a real
//! database, a real mail server and real receivers of webhooks.

use std::{collections::HashSet, sync::Arc, time::Duration};

use backend::{
    clock::{Clock, ManualClock},
    lifecycle::Lifecycle,
    mail::{MailErrand, Mailer, ProofToken},
    metrics::Metrics,
    outbox::{Handler, Outbox},
    store::{
        Account, AccountStore, Aftermath, AuditStore, Database, DatabaseUrl, Errand, ErrandKind,
        NewErrand, OutboxStore, Proved, Registered, Registration, SecretText,
    },
    webhook::{Event, Webhooks},
};
use common::{UserId, api::Language};
use tests::{
    Postgres, ReceivedMail, Receiver, Setup, SmtpMood, SmtpServer, SmtpStep, still_clock, wait,
};
use tokio::task::JoinSet;

const SITE: &str = "https://easel.example";
const DAY: Duration = Duration::from_secs(86_400);

/// A world with one database.
struct World {
    setup: Setup,
    clock: ManualClock,
    database: Arc<Database>,
}

/// A node, as far as errands go. Dropping it ends it as a crash does.
struct Node {
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    _running: JoinSet<()>,
}

impl World {
    async fn new(setup: Setup) -> Self {
        let file = setup.config().data_dir.join("accounts.db");
        Self::over(setup, &format!("sqlite://{}", file.display())).await
    }

    async fn over(setup: Setup, url: &str) -> Self {
        let url: DatabaseUrl = url.parse().unwrap();
        let database = Arc::new(Database::open(&url, DAY).await.unwrap());
        Self { setup, clock: still_clock(), database }
    }

    /// One that sends mail by this server.
    async fn with_mail(server: &SmtpServer) -> Self {
        Self::new(mailing(Setup::default(), server)).await
    }

    fn starts(&self) -> Node {
        let (config, clock) = (self.setup.config(), Arc::new(self.clock.clone()));
        let directory = config.mail_directory();
        let mailer =
            Mailer::new(self.database.clone(), clock.clone(), config.mail, SITE, directory);
        let webhooks = Webhooks::new(config.webhooks, clock.clone());
        let handlers: Vec<Arc<dyn Handler>> =
            vec![Arc::new(mailer.unwrap()), Arc::new(webhooks.unwrap())];
        let metrics = Arc::new(Metrics::default());
        let (store, lifecycle) = (self.database.clone(), Lifecycle::default());
        let outbox = Outbox::new(store, clock, metrics.clone(), lifecycle, handlers);
        let mut running = JoinSet::new();
        running.spawn(outbox.clone().run());
        Node { outbox, metrics, _running: running }
    }

    async fn remains(&self, errands: Vec<NewErrand>) {
        let aftermath = Aftermath { audit: Vec::new(), errands };
        self.database.write(&aftermath, self.clock.now()).await.unwrap();
    }

    /// Someone asks for an account; a mail remains to be sent.
    async fn registers(&self, name: &str, language: Language) -> UserId {
        let user: UserId = name.parse().unwrap();
        let now = self.clock.now();
        let registration = Registration {
            user: user.clone(),
            email: format!("{name}@example.com"),
            password: SecretText("$argon2id$not-checked-here".to_owned()),
            language,
            ends_at: now + DAY,
        };
        let mail = MailErrand::Verify { user: user.clone() };
        let after =
            |_: &Registered| Aftermath { audit: Vec::new(), errands: vec![mail.errand(now)] };
        let registered = self.database.register(&registration, &after, now).await.unwrap();
        assert_eq!(registered, Registered::New);
        user
    }

    /// Someone has an account.
    async fn has_account(&self, name: &str) -> UserId {
        let server = SmtpServer::start().await;
        let setup = mailing(Setup::default(), &server);
        let world = Self { setup, clock: self.clock.clone(), database: self.database.clone() };
        let user = world.registers(name, Language::Ko).await;
        let _node = world.starts();
        let mails = server.receives(1).await;
        assert_eq!(self.verifies(&mails[0].token()).await, Proved::Done(user.clone(), Vec::new()));
        user
    }

    async fn verifies(&self, token: &str) -> Proved {
        let hash = ProofToken::read(token).unwrap().hash();
        let after = |_: &Proved| Aftermath::default();
        self.database.verify(&hash, &after, self.clock.now()).await.unwrap()
    }

    async fn is_done(&self, kind: ErrandKind) {
        wait::until("the end of all errands", async || {
            let backlog = self.database.backlog(kind).await.unwrap();
            (backlog.waiting == 0 && backlog.dead == 0).then_some(())
        })
        .await;
    }

    async fn dies(&self) -> Errand {
        wait::until("a dead errand", async || self.database.dead(10).await.unwrap().pop()).await
    }
}

fn mailing(setup: Setup, server: &SmtpServer) -> Setup {
    setup.set("smtp-url", &server.url()).set("mail-from", "Easel <easel@easel.example>")
}

fn told(setup: Setup, receivers: &[&Receiver]) -> Setup {
    let urls: Vec<String> = receivers.iter().map(|receiver| receiver.url()).collect();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    setup.set("webhook-urls", &urls.join(",")).set("webhook-secret", secret)
}

#[tokio::test]
async fn a_registration_leads_to_a_mail_whose_link_makes_the_account() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    let node = world.starts();
    let user = world.registers("alice", Language::En).await;
    // No time passes: whoever writes an errand says so.
    node.outbox.nudge();
    let mails = server.receives(1).await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(mail.from, "easel@easel.example");
    assert_eq!(mail.to, ["alice@example.com"]);
    assert_eq!(mail.subject(), "Confirm your e-mail address for easel.example");
    assert_eq!(mail.header("Content-Language"), "en");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.link().starts_with("https://easel.example/verify-email#token="));
    for words in [mail.text(), mail.html()] {
        assert!(words.contains("alice") && words.contains("1 day"), "{words}");
        assert!(words.contains(&mail.token()), "{words}");
    }
    world.is_done(ErrandKind::Mail).await;
    let metrics = node.metrics.to_text().unwrap();
    let done = "easel_errand_attempts_total{kind=\"mail\",outcome=\"Done\"} 1";
    assert!(metrics.contains(done), "{metrics}");
    assert_eq!(world.verifies(&mail.token()).await, Proved::Done(user.clone(), Vec::new()));
    let Account { email, .. } = world.database.account(&user).await.unwrap().unwrap();
    assert_eq!(email.as_deref(), Some("alice@example.com"));
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_comes_later_with_another_link() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    // Taken, and the client never hears of it.
    server.is_difficult(SmtpStep::Receipt, SmtpMood::Closes);
    let node = world.starts();
    let user = world.registers("alice", Language::Ko).await;
    node.outbox.nudge();
    server.receives(1).await;
    server.is_difficult(SmtpStep::Recipient, SmtpMood::Says("451 4.7.1 greylisted"));
    wait::as_time_passes(&world.clock, server.hears("RCPT", 2)).await;
    server.is_easy();
    let mails = wait::as_time_passes(&world.clock, server.receives(2)).await;
    let [first, second] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(second.subject(), "easel.example 이메일 주소를 확인해 주세요");
    assert_ne!(first.token(), second.token());
    // Who has both must not lose the one that works for a double of the other.
    assert_ne!(first.header("Message-ID"), second.header("Message-ID"));
    assert_eq!(world.verifies(&first.token()).await, Proved::Invalid);
    assert_eq!(world.verifies(&second.token()).await, Proved::Done(user, Vec::new()));
    world.is_done(ErrandKind::Mail).await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_kept_and_can_be_tried_again() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    let words = "550 5.1.1 <alice@example.com> is unknown";
    server.is_difficult(SmtpStep::Recipient, SmtpMood::Says(words));
    let node = world.starts();
    world.registers("alice", Language::En).await;
    node.outbox.nudge();
    let dead = world.dies().await;
    let kept = dead.last_error.as_deref();
    assert_eq!(kept, Some("the mail server refused the recipient: 550 5.1.1"));
    assert_eq!(dead.attempts, 1);
    assert_eq!(dead.payload, r#"{"mail":"verify","user":"alice"}"#);
    server.is_easy();
    assert!(world.database.revive(&dead.id, world.clock.now()).await.unwrap());
    node.outbox.nudge();
    server.receives(1).await;
    world.is_done(ErrandKind::Mail).await;
}

#[tokio::test]
async fn an_errand_that_never_works_is_tried_for_a_day_and_then_no_more() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    server.is_difficult(SmtpStep::Greeting, SmtpMood::Says("421 4.3.2 not today"));
    let user = world.has_account("alice").await;
    let mail = MailErrand::PasswordChanged { user };
    world.remains(vec![mail.errand(world.clock.now())]).await;
    let node = world.starts();
    for attempt in 1..33 {
        let later = format!("{{kind=\"mail\",outcome=\"Later\"}} {attempt}\n");
        wait::until(&later, async || {
            node.metrics.to_text().unwrap().contains(&later).then_some(())
        })
        .await;
        // Longer than any pause.
        world.clock.advance(Duration::from_secs(2 * 3600));
        node.outbox.nudge();
    }
    let dead = world.dies().await;
    assert_eq!(dead.attempts, 33);
    server.is_easy();
    assert!(world.database.revive(&dead.id, world.clock.now()).await.unwrap());
    node.outbox.nudge();
    let mails = server.receives(1).await;
    assert_eq!(mails[0].subject(), "easel.example 비밀번호가 변경되었습니다");
    assert_eq!(mails[0].header("Message-ID"), format!("<{}@easel.example>", dead.id));
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_mail() {
    let server = SmtpServer::start().await;
    let receiver = Receiver::start().await;
    let world = World::new(mailing(told(Setup::default(), &[&receiver]), &server)).await;
    receiver.hangs();
    let urls = world.setup.config().webhooks.unwrap().urls;
    let event = Event::AccountDeleted { user: "bob".parse().unwrap() };
    let errands = (0..40).flat_map(|_| event.errands(&urls, world.clock.now())).collect();
    world.remains(errands).await;
    let node = world.starts();
    assert_eq!(receiver.receives(16).await.len(), 16);
    world.registers("alice", Language::En).await;
    node.outbox.nudge();
    server.receives(1).await;
    assert_eq!(receiver.receives(16).await.len(), 16, "so many at once, and no more");
    receiver.answers(204);
    wait::as_time_passes(&world.clock, world.is_done(ErrandKind::Webhook)).await;
    let told: HashSet<String> =
        receiver.receives(56).await.iter().map(|d| d.header("webhook-id").to_owned()).collect();
    assert_eq!(told.len(), 40);
}

#[tokio::test]
async fn each_receiver_is_told_until_it_listens() {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    let world = World::new(told(Setup::default(), &[&one, &two])).await;
    one.answers(500);
    let urls = world.setup.config().webhooks.unwrap().urls;
    let event = Event::PasswordReset { user: "alice".parse().unwrap() };
    world.remains(event.errands(&urls, world.clock.now())).await;
    let _node = world.starts();
    two.receives(1).await;
    wait::as_time_passes(&world.clock, one.receives(3)).await;
    one.answers(200);
    wait::as_time_passes(&world.clock, world.is_done(ErrandKind::Webhook)).await;
    assert_eq!(two.receives(1).await.len(), 1);
    let (told, other) = (one.receives(4).await, two.receives(1).await);
    for delivery in &told {
        assert_eq!(delivery.header("webhook-id"), other[0].header("webhook-id"));
        assert_eq!(delivery.body, other[0].body);
    }
}

#[tokio::test]
async fn what_a_node_leaves_behind_is_done_by_another_once() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    world.registers("alice", Language::En).await;
    // A node takes it up, and is gone.
    let (now, lease) = (world.clock.now(), Duration::from_secs(120));
    let taken = world.database.take_up(ErrandKind::Mail, 1, now + lease, now).await.unwrap();
    assert_eq!(taken.len(), 1);
    let _others = [world.starts(), world.starts()];
    wait::as_time_passes(&world.clock, server.receives(1)).await;
    assert!(world.clock.now() - now >= lease);
    world.is_done(ErrandKind::Mail).await;
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_has_begun_is_brought_to_its_end_when_its_node_stops() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    world.registers("alice", Language::En).await;
    server.is_difficult(SmtpStep::Receipt, SmtpMood::Hangs);
    let node = world.starts();
    server.receives(1).await;
    drop(node);
    // What it was told in the end is written down, though nobody looks for errands any more.
    wait::as_time_passes(&world.clock, async {
        wait::until("an errand that is due again", async || {
            let now = world.clock.now();
            let due = world.database.take_up(ErrandKind::Mail, 1, now + DAY, now).await.unwrap();
            due.into_iter().next()
        })
        .await
    })
    .await
    .last_error
    .map_or_else(
        || panic!("nobody has said what became of it"),
        |error| assert!(error.contains("was not done within 30s"), "{error}"),
    );
}

#[tokio::test]
async fn many_nodes_over_one_postgres_send_each_mail_once() {
    let (server, postgres) = (SmtpServer::start().await, Postgres::start().await);
    let setup = mailing(Setup::default(), &server);
    let world = World::over(setup, &postgres.database()).await;
    for n in 0..30 {
        world.registers(&format!("user{n}"), Language::En).await;
    }
    let _nodes = [world.starts(), world.starts(), world.starts()];
    wait::as_time_passes(&world.clock, world.is_done(ErrandKind::Mail)).await;
    let mails = server.received();
    let recipients: HashSet<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    assert_eq!((mails.len(), recipients.len()), (30, 30));
}

#[tokio::test]
async fn without_a_mail_server_mail_is_in_files_and_its_links_work() {
    let world = World::new(Setup::default()).await;
    let user = world.registers("alice", Language::Ko).await;
    let _node = world.starts();
    world.is_done(ErrandKind::Mail).await;
    let directory = world.setup.config().mail_directory();
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let name = file.file_name().into_string().unwrap();
    assert!(name.starts_with("20330518T033320Z-verify-mail_") && name.ends_with(".eml"), "{name}");
    let mail = ReceivedMail::read(&std::fs::read_to_string(file.path()).unwrap());
    assert_eq!(mail.header("To"), "alice@example.com");
    assert_eq!(world.verifies(&mail.token()).await, Proved::Done(user, Vec::new()));
}

#[tokio::test]
async fn nobody_is_written_to_who_is_gone() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    let nobody: UserId = "nobody".parse().unwrap();
    let email = "nobody@example.com".to_owned();
    let now = world.clock.now();
    let mails = [
        MailErrand::Verify { user: nobody.clone() },
        MailErrand::Reset { user: nobody.clone() },
        MailErrand::ReuseDetected { user: nobody.clone() },
        MailErrand::PasswordChanged { user: nobody },
        MailErrand::AlreadyRegistered { email },
    ];
    world.remains(mails.iter().map(|mail| mail.errand(now)).collect()).await;
    let _node = world.starts();
    world.is_done(ErrandKind::Mail).await;
    assert!(server.heard().is_empty(), "{:?}", server.heard());
}

#[tokio::test]
async fn an_account_is_written_to_in_its_language() {
    let server = SmtpServer::start().await;
    let world = World::with_mail(&server).await;
    let user = world.has_account("alice").await;
    let _node = world.starts();
    let email = "alice@example.com".to_owned();
    for (count, (mail, subject)) in (1..).zip([
        (MailErrand::Reset { user: user.clone() }, "easel.example 비밀번호 재설정"),
        (
            MailErrand::ReuseDetected { user: user.clone() },
            "easel.example 계정의 로그인 하나를 종료했습니다",
        ),
        (MailErrand::AlreadyRegistered { email }, "easel.example에 이미 계정이 있습니다"),
    ]) {
        world.remains(vec![mail.errand(world.clock.now())]).await;
        let mails = wait::as_time_passes(&world.clock, server.receives(count)).await;
        let sent = &mails[count - 1];
        assert_eq!(sent.subject(), subject);
        assert_eq!(sent.to, ["alice@example.com"]);
        assert!(sent.text().contains("alice"), "{}", sent.text());
        if matches!(mail, MailErrand::Reset { .. }) {
            assert!(sent.link().starts_with("https://easel.example/reset-password#token="));
            assert!(sent.text().contains("30분"), "{}", sent.text());
        }
    }
}
