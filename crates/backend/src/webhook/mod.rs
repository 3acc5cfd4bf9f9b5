//! Others are told of events, as Standard Webhooks has it: a POST that carries a name, a time and
//! a signature.

mod event;
mod settings;

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, StatusCode, header, redirect};

use self::event::Notice;
pub use self::{
    event::Event,
    settings::{WebhookSecret, WebhookSettings, WebhookUrl},
};
use crate::{
    clock::Clock,
    outbox::{Failure, Handler, payload},
    store::{Errand, ErrandKind},
};

/// How long a receiver may take to answer: it is to take note, and to work afterwards.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How many receivers are spoken to at once. One that hangs holds up the others no more than so
/// many of its messages can.
const AT_ONCE: usize = 16;

/// Sends events to those who are to be told.
#[derive(Debug)]
pub struct Webhooks {
    settings: Option<WebhookSettings>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Webhooks {
    /// Tells these, or nobody. What is left for others from before is given up.
    ///
    /// # Errors
    /// When there can be no HTTP client: the system has no certificates to trust.
    pub fn new(
        settings: Option<WebhookSettings>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let agent = concat!("easel/", env!("CARGO_PKG_VERSION"));
        // What is meant for one host is not for another that it names.
        let client = Client::builder().redirect(redirect::Policy::none()).user_agent(agent);
        Ok(Self { settings, client: client.build()?, clock })
    }

    async fn tell(
        &self,
        url: &WebhookUrl,
        secret: &WebhookSecret,
        notice: &Notice,
    ) -> Result<(), Failure> {
        let timestamp = self.clock.now().unix_timestamp();
        let signature = secret.sign(&notice.event, timestamp, &notice.body);
        let request = self
            .client
            .post(url.url().clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &notice.event)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(notice.body.clone());
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(StatusCode::GONE) => Err(Failure::Never(format!("{url} wants no more: 410"))),
            Ok(status) => Err(Failure::Again(format!("{url} answered {}", status.as_u16()))),
            Err(error) => Err(Failure::Again(format!("{url}: {}", root_cause(error)))),
        }
    }
}

/// Why a request failed, without its URL.
fn root_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[async_trait]
impl Handler for Webhooks {
    fn kind(&self) -> ErrandKind {
        ErrandKind::Webhook
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    async fn run(&self, errand: &Errand) -> Result<(), Failure> {
        let notice: Notice = payload(errand)?;
        let settings = self.settings.as_ref();
        let receiver = settings.and_then(|settings| {
            let url = settings.urls.iter().find(|url| url.fingerprint() == notice.receiver)?;
            Some((url, &settings.secret))
        });
        let Some((url, secret)) = receiver else {
            return Err(Failure::Never("its receiver is not configured any more".to_owned()));
        };
        tokio::select! {
            told = self.tell(url, secret, &notice) => told,
            () = self.clock.sleep(ANSWER_WITHIN) => {
                Err(Failure::Again(format!("{url} did not answer within {ANSWER_WITHIN:?}")))
            }
        }
    }
}
