//! Mail is handed over to a mail server, and what the server says decides what becomes of it.

use std::sync::Arc;

use backend::{
    clock::ManualClock,
    mail::{Sender, Smtp, SmtpUrl},
    outbox::Failure,
};
use tests::{SmtpMood, SmtpServer, SmtpStep, still_clock, wait};

const FROM: &str = "Easel <easel@easel.example>";
const TO: &str = "alice@example.com";
const MAIL: &str = "Message-ID: <1@easel.example>\r\nSubject: Hello\r\nFrom: easel@easel.example\r\n\
                    To: alice@example.com\r\n\r\nHello\r\n.\r\n..two\r\nThe end";

fn sender(url: &str, clock: &ManualClock) -> Smtp {
    let url: SmtpUrl = url.parse().unwrap();
    let from: Sender = FROM.parse().unwrap();
    Smtp::new(url, from, "easel.example", Arc::new(clock.clone())).unwrap()
}

async fn sends(server: &SmtpServer) -> Result<(), Failure> {
    let smtp = sender(&server.url(), &still_clock());
    wait::soon("an outcome", smtp.send(TO, MAIL.as_bytes())).await
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let server = SmtpServer::start().await;
    sends(&server).await.unwrap();
    let [mail] = &server.received()[..] else { panic!("{:?}", server.received()) };
    assert_eq!((mail.from.as_str(), &mail.to[..]), ("easel@easel.example", &[TO.to_owned()][..]));
    assert_eq!(mail.message, format!("{MAIL}\r\n"));
    assert_eq!(mail.subject(), "Hello");
    assert_eq!(server.heard()[0], "EHLO easel.example");
    assert_eq!(server.heard().last().unwrap(), "QUIT");
}

#[tokio::test]
async fn what_a_server_refuses_decides_whether_it_is_asked_again() {
    let server = SmtpServer::start().await;
    let (again, never) = (false, true);
    for (step, words, is_final, wanted) in [
        (SmtpStep::Greeting, "421 4.3.2 not now", again, "421 4.3.2"),
        (SmtpStep::Greeting, "554 5.7.1 not you", again, "554 5.7.1"),
        (SmtpStep::Hello, "550 what a name", again, "550"),
        (SmtpStep::Sender, "451 4.7.1 alice@example.com is greylisted", again, "451 4.7.1"),
        (SmtpStep::Sender, "550 5.1.0 not yours to send from", again, "550 5.1.0"),
        (SmtpStep::Recipient, "451 4.7.1 <alice@example.com> is greylisted", again, "451 4.7.1"),
        (SmtpStep::Recipient, "452 4.2.2 full", again, "452 4.2.2"),
        (SmtpStep::Recipient, "550 5.1.1 <alice@example.com> is unknown", never, "550 5.1.1"),
        (SmtpStep::Recipient, "550 alice is unknown", never, "550"),
        (SmtpStep::Recipient, "554 5.7.1 alice@example.com: relay denied", again, "554 5.7.1"),
        (SmtpStep::Recipient, "530 authentication required", again, "530"),
        (SmtpStep::Data, "451 4.3.0 a disk is full", again, "451 4.3.0"),
        (SmtpStep::Receipt, "451 4.3.0 a disk is full", again, "451 4.3.0"),
        (SmtpStep::Receipt, "554 5.6.0 no mail with #token=abc", never, "554 5.6.0"),
    ] {
        server.is_easy();
        server.is_difficult(step, SmtpMood::Says(words));
        let failure = sends(&server).await.unwrap_err();
        assert_eq!(matches!(failure, Failure::Never(_)), is_final, "{words}: {failure:?}");
        let said = failure.to_string();
        assert!(said.ends_with(&format!(": {wanted}")), "{said}");
        assert!(!said.contains("alice") && !said.contains("token"), "{said}");
    }
    assert_eq!(server.received().len(), 0);
    server.is_easy();
    sends(&server).await.unwrap();
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_or_breaks_off_is_tried_again() {
    let clock = still_clock();
    for step in [
        SmtpStep::Greeting,
        SmtpStep::Hello,
        SmtpStep::Sender,
        SmtpStep::Recipient,
        SmtpStep::Data,
        SmtpStep::Receipt,
    ] {
        for (mood, words) in
            [(SmtpMood::Closes, "broke off"), (SmtpMood::Hangs, "not done within 30s")]
        {
            let server = SmtpServer::start().await;
            server.is_difficult(step, mood);
            let smtp = sender(&server.url(), &clock);
            let sent = wait::as_time_passes(&clock, smtp.send(TO, MAIL.as_bytes())).await;
            let Err(Failure::Again(said)) = sent else { panic!("{step:?} {mood:?}: {sent:?}") };
            assert!(said.contains(words), "{step:?} {mood:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_mail_that_was_taken_is_not_sent_again_for_want_of_a_goodbye() {
    let clock = still_clock();
    for mood in [SmtpMood::Closes, SmtpMood::Hangs, SmtpMood::Says("500 what?")] {
        let server = SmtpServer::start().await;
        server.is_difficult(SmtpStep::Quit, mood);
        let smtp = sender(&server.url(), &clock);
        wait::as_time_passes(&clock, smtp.send(TO, MAIL.as_bytes())).await.unwrap();
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_said_in_clear_to_a_server_without_tls() {
    let server = SmtpServer::start_for("easel", "hunter2").await;
    for url in [
        format!("smtp://easel:hunter2@{}", server.address()),
        format!("smtp://easel:hunter2@{}?tls=required", server.address()),
    ] {
        let smtp = sender(&url, &still_clock());
        let sent = wait::soon("an outcome", smtp.send(TO, MAIL.as_bytes())).await;
        let Err(Failure::Again(said)) = sent else { panic!("{sent:?}") };
        assert!(said.contains("STARTTLS"), "{said}");
    }
    let heard = server.heard();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
}

#[tokio::test]
async fn a_server_that_speaks_in_clear_where_tls_is_due_gets_nothing() {
    let server = SmtpServer::start_for("easel", "hunter2").await;
    let smtp = sender(&format!("smtps://easel:hunter2@{}", server.address()), &still_clock());
    let sent = wait::soon("an outcome", smtp.send(TO, MAIL.as_bytes())).await;
    assert!(matches!(sent, Err(Failure::Again(_))), "{sent:?}");
    let heard = server.heard();
    assert!(!heard.iter().any(|line| line.contains("AUTH")), "{heard:?}");
}

#[tokio::test]
async fn a_server_is_shown_a_password_and_its_words_are_not_kept() {
    let server = SmtpServer::start_for("easel@example", "p:ss/word").await;
    let known = format!("smtp://easel%40example:p%3Ass%2Fword@{}?tls=none", server.address());
    let smtp = sender(&known, &still_clock());
    wait::soon("an outcome", smtp.send(TO, MAIL.as_bytes())).await.unwrap();
    assert_eq!(server.received().len(), 1);
    let unknown = format!("smtp://easel%40example:wrong@{}?tls=none", server.address());
    let smtp = sender(&unknown, &still_clock());
    let sent = wait::soon("an outcome", smtp.send(TO, MAIL.as_bytes())).await;
    let Err(Failure::Again(said)) = sent else { panic!("{sent:?}") };
    assert_eq!(said, "the mail server refused: 535 5.7.8");
    let Err(Failure::Again(said)) = sends(&server).await else { panic!("it takes anyone") };
    assert_eq!(said, "the mail server refused: 530 5.7.0");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let server = SmtpServer::start().await;
    let smtp = sender(&server.url(), &still_clock());
    drop(server);
    wait::until("a port that nobody listens on", async || {
        let sent = smtp.send(TO, MAIL.as_bytes()).await;
        let Err(Failure::Again(said)) = sent else { panic!("{sent:?}") };
        said.contains("refused (os error").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_address_is_never_said_to_a_server() {
    let server = SmtpServer::start().await;
    let smtp = sender(&server.url(), &still_clock());
    for address in ["", "alice", "a@example.com>\r\nRCPT TO:<b@example.com", "a b@example.com"] {
        let sent = smtp.send(address, MAIL.as_bytes()).await;
        assert_eq!(sent, Err(Failure::Never("its address is none".to_owned())), "{address}");
    }
    let sent = smtp.send("앨리스@example.com", MAIL.as_bytes()).await;
    assert!(matches!(sent, Err(Failure::Never(_))), "{sent:?}");
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")), "{:?}", server.heard());
}
