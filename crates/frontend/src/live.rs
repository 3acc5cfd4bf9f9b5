//! A live drawing as a signal: what the stream last showed, and how the stream is doing.
//!
//! Every stream is opened with a ticket of its own, so that it makes no difference whether the
//! drawing is private, or becomes so.

use std::time::Duration;

use common::{SessionAddress, path};
use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent, js_sys::Math};

use crate::{api, identity::Identity};

/// The first wait before connecting again; doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait before connecting again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One frame, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The event's id, `<epoch>-<seq>`.
    pub(crate) revision: String,
    /// The drawing.
    pub(crate) svg: String,
}

/// How the stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not yet connected.
    Connecting,
    /// Connected: what is shown is what is.
    Live,
    /// Was connected, and is being connected again: what is shown may be old.
    Interrupted,
    /// Over for good.
    Ended(Ending),
}

/// Why a stream is over for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The session was deleted.
    Deleted,
    /// The session outlived its time.
    Expired,
    /// The right to watch was taken back.
    Revoked,
    /// There is no such session, and why was not said.
    Gone,
}

impl Ending {
    /// From the reason of an `end` event; `None` when another stream may follow. One that was
    /// `revoked` may: the drawing has become private, and is still one's own.
    fn from_event(data: &str) -> Option<Self> {
        let said: serde_json::Value = serde_json::from_str(data).ok()?;
        match said.get("reason")?.as_str()? {
            "deleted" => Some(Self::Deleted),
            "expired" => Some(Self::Expired),
            _ => None,
        }
    }
}

/// A drawing that is being watched. Watching ends with the owner that began it.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// The newest frame.
    pub(crate) shown: RwSignal<Option<Shown>>,
    /// How the stream is doing.
    pub(crate) link: RwSignal<Link>,
    who: Identity,
    wire: StoredValue<Wire, LocalStorage>,
}

/// What has to be undone when watching ends.
#[derive(Default)]
struct Wire {
    source: Option<Source>,
    retry: Option<TimeoutHandle>,
    failures: u32,
    over: bool,
}

/// An open `EventSource` with its listeners; closed when dropped.
struct Source {
    source: EventSource,
    _open: Closure<dyn FnMut()>,
    _error: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _end: Closure<dyn FnMut(MessageEvent)>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.set_onmessage(None);
        self.source.close();
    }
}

/// Watches a drawing of one's own until the current owner is cleaned up.
pub(crate) fn watch(who: Identity, address: SessionAddress) -> Live {
    let live = Live {
        shown: RwSignal::new(None),
        link: RwSignal::new(Link::Connecting),
        who,
        wire: StoredValue::new_local(Wire::default()),
    };
    live.connect(address);
    on_cleanup(move || {
        live.stop();
    });
    live
}

impl Live {
    /// Gets a ticket and opens a stream with it, or finds out that there is nothing to watch.
    fn connect(self, address: SessionAddress) {
        spawn_local(async move {
            let ticket = api::ticket(self.who, &address).await;
            // The page may have been left meanwhile: then the handle leads nowhere.
            if self.wire.try_with_value(|wire| wire.over) != Some(false) {
                return;
            }
            match ticket {
                Ok(ticket) => self.open(address, &ticket.ticket),
                Err(error) if error.is_gone() => self.end(Ending::Gone),
                Err(error) if error.is_denied() => self.end(Ending::Revoked),
                Err(_) => self.reconnect(address),
            }
        });
    }

    fn open(self, address: SessionAddress, ticket: &str) {
        // A ticket is base64url: nothing in it has to be escaped.
        let url = format!("{}?as=sse&ticket={ticket}", path::stream(&address));
        let Ok(source) = EventSource::new(&url) else {
            return;
        };

        let open = Closure::new(move || {
            self.wire.update_value(|wire| wire.failures = 0);
            self.link.set(Link::Live);
        });
        let message = Closure::new(move |event: MessageEvent| {
            let svg = event.data().as_string().unwrap_or_default();
            self.shown.set(Some(Shown { revision: event.last_event_id(), svg }));
        });
        let (ended, again) = (source.clone(), address.clone());
        let end = Closure::new(move |event: MessageEvent| {
            let data = event.data().as_string().unwrap_or_default();
            match Ending::from_event(&data) {
                Some(ending) => self.end(ending),
                None => {
                    ended.close();
                    self.reconnect(again.clone());
                }
            }
        });
        let broken = source.clone();
        let error = Closure::new(move || {
            self.link.set(Link::Interrupted);
            // While it says CONNECTING, the browser itself tries again.
            if broken.ready_state() == EventSource::CLOSED {
                self.reconnect(address.clone());
            }
        });

        source.set_onopen(Some(open.as_ref().unchecked_ref()));
        source.set_onmessage(Some(message.as_ref().unchecked_ref()));
        source.set_onerror(Some(error.as_ref().unchecked_ref()));
        let _ = source.add_event_listener_with_callback("end", end.as_ref().unchecked_ref());
        let source = Source { source, _open: open, _error: error, _message: message, _end: end };
        self.wire.update_value(|wire| wire.source = Some(source));
    }

    /// Connects again after a while: the ticket of the stream that was lost is used up.
    fn reconnect(self, address: SessionAddress) {
        let _ = self.link.try_set(Link::Interrupted);
        self.wire.try_update_value(|wire| {
            if wire.over {
                return;
            }
            let wait = wait(wire.failures);
            wire.failures += 1;
            wire.retry = set_timeout_with_handle(move || self.connect(address), wait).ok();
        });
    }

    fn end(self, ending: Ending) {
        if self.stop() {
            self.link.set(Link::Ended(ending));
        }
    }

    /// Closes the stream; false when that was done before.
    ///
    /// The parts are dropped in a task of their own, since this may be called from one of
    /// the listeners that are among them.
    fn stop(self) -> bool {
        let parts = self.wire.try_update_value(|wire| {
            let first = !std::mem::replace(&mut wire.over, true);
            (first, wire.source.take(), wire.retry.take())
        });
        let Some((first, source, retry)) = parts else {
            return false;
        };
        if let Some(retry) = retry {
            retry.clear();
        }
        if let Some(source) = source {
            source.source.close();
            spawn_local(async move { drop(source) });
        }
        first
    }
}

/// Doubling waits, each shortened by up to a half at random, so that the viewers of a
/// server that was away do not all come back at once.
fn wait(failures: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << failures.min(5)).min(LONGEST_WAIT);
    longest.mul_f64(1.0 - Math::random() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_final_ends_are_final() {
        assert_eq!(Ending::from_event(r#"{"reason":"deleted"}"#), Some(Ending::Deleted));
        assert_eq!(Ending::from_event(r#"{"reason":"expired"}"#), Some(Ending::Expired));
        assert_eq!(Ending::from_event(r#"{"reason":"draining"}"#), None);
        assert_eq!(Ending::from_event(r#"{"reason":"revoked"}"#), None);
        assert_eq!(Ending::from_event("{}"), None);
        assert_eq!(Ending::from_event("nonsense"), None);
    }
}
