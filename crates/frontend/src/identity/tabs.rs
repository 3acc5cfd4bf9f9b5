//! What the tabs of one browser tell each other, and what only one of them does at a time.

use std::{cell::RefCell, future::Future, rc::Rc};

use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{
    BroadcastChannel, MessageEvent,
    js_sys::{Function, Promise},
};

use super::Ending;
use crate::random;

/// The channel that all tabs of this site hear, and the lock that one of them holds.
const NAME: &str = "easel.sign-in";

/// What one tab tells the others. Without `Debug`: there are tokens in it.
#[derive(Serialize, Deserialize)]
pub(super) enum Message {
    /// Someone has signed in to an account, and has this token until then.
    Begun { token: String, ends_at: u64 },
    /// The token was replaced by this one, which lasts until then.
    Renewed { token: String, ends_at: u64 },
    /// The sign-in is over.
    Over(Ending),
    /// Nothing: whoever sent it waits for it to come round.
    Echo(String),
}

#[derive(Serialize, Deserialize)]
struct Letter {
    from: String,
    message: Message,
}

/// The others, as seen from one tab.
pub(super) struct Tabs {
    own_name: String,
    mouth: BroadcastChannel,
    /// Apart from the mouth, since a channel does not hear itself.
    ear: BroadcastChannel,
    echoes: Echoes,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

/// Who waits for which echo.
type Echoes = Rc<RefCell<Vec<(String, Function)>>>;

impl Tabs {
    /// Listens for as long as it lives; `None` where the browser keeps tabs apart.
    pub(super) fn open(hear: impl Fn(Message) + 'static) -> Option<Self> {
        let (mouth, ear) = (BroadcastChannel::new(NAME).ok()?, BroadcastChannel::new(NAME).ok()?);
        let (own_name, echoes) = (random::name(), Echoes::default());
        let (name, waiting) = (own_name.clone(), echoes.clone());
        let heard = Closure::new(move |event: MessageEvent| {
            let letter = event.data().as_string();
            let Some(Letter { from, message }) =
                letter.and_then(|letter| serde_json::from_str(&letter).ok())
            else {
                return;
            };
            match message {
                Message::Echo(echo) => come_round(&waiting, &echo),
                message if from != name => hear(message),
                _ => {}
            }
        });
        ear.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Some(Self { own_name, mouth, ear, echoes, _heard: heard })
    }

    /// Tells all other tabs.
    pub(super) fn tell(&self, message: &Message) {
        #[derive(Serialize)]
        struct Letter<'a> {
            from: &'a str,
            message: &'a Message,
        }
        if let Ok(letter) = serde_json::to_string(&Letter { from: &self.own_name, message }) {
            let _ = self.mouth.post_message(&letter.into());
        }
    }

    /// Waits until everything has been heard that was told before now: what is told now comes
    /// after it.
    pub(super) fn catch_up(&self) -> impl Future<Output = ()> + use<> {
        let echo = random::name();
        let round = Promise::new(&mut |done, _| {
            self.echoes.borrow_mut().push((echo.clone(), done));
        });
        self.tell(&Message::Echo(echo));
        async move {
            let _ = JsFuture::from(round).await;
        }
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        self.ear.set_onmessage(None);
        self.ear.close();
        self.mouth.close();
    }
}

fn come_round(echoes: &Echoes, echo: &str) {
    let mut echoes = echoes.borrow_mut();
    if let Some(at) = echoes.iter().position(|(waiting, _)| waiting == echo) {
        let (_, done) = echoes.swap_remove(at);
        let _ = done.call0(&JsValue::NULL);
    }
}

#[wasm_bindgen]
extern "C" {
    // What web-sys has of this is behind a flag of the compiler.
    type Navigator;

    #[wasm_bindgen(method, getter)]
    fn locks(this: &Navigator) -> Option<LockManager>;

    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, work: &Function) -> Promise;
}

/// Does some work while no other tab, and nothing else in this one, does it too.
pub(super) async fn alone<F, T>(work: impl Fn() -> F + Clone + 'static) -> T
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    // There is none on a page that came over plain http from elsewhere.
    let locks = window().navigator().unchecked_into::<Navigator>().locks();
    let Some(locks) = locks else {
        return work().await;
    };
    let outcome = Rc::new(RefCell::new(None));
    let (task, place) = (work.clone(), outcome.clone());
    let run = Closure::once_into_js(move |_: JsValue| {
        future_to_promise(async move {
            let done = task().await;
            *place.borrow_mut() = Some(done);
            Ok(JsValue::UNDEFINED)
        })
    });
    let _ = JsFuture::from(locks.request(NAME, run.unchecked_ref())).await;
    let done = outcome.borrow_mut().take();
    match done {
        Some(done) => done,
        // Refused, as some browsers do where they keep no storage either.
        None => work().await,
    }
}
