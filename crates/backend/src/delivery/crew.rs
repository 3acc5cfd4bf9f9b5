//! Who writes what a room shows to the sockets of its viewers: one task for many of them. It
//! wakes once for a frame, and writes it to each socket that takes it; a socket that does not is
//! left for later and holds up nobody.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    Delivery,
    bell::Bell,
    member::{Member, Presence},
};
use crate::hub::{Cue, Ears};

/// The viewers of one room that are served together.
pub(super) struct Crew {
    delivery: Arc<Delivery>,
    room: u64,
    ears: Ears,
    members: Vec<Member>,
    newcomers: mpsc::UnboundedReceiver<Box<Member>>,
    aboard: Arc<AtomicUsize>,
    /// How long those who are here may stay, if they have to go.
    leaving: Option<Duration>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Crew {
    /// A crew for the room of its `first` member, who comes like all others.
    pub(super) fn new(
        delivery: Arc<Delivery>,
        first: &Member,
        newcomers: mpsc::UnboundedReceiver<Box<Member>>,
        aboard: Arc<AtomicUsize>,
    ) -> Self {
        let bell: Arc<Bell> = Arc::default();
        let waker = Waker::from(bell.clone());
        Self {
            delivery,
            room: first.room(),
            ears: first.ears(),
            members: Vec::new(),
            newcomers,
            aboard,
            leaving: None,
            bell,
            waker,
        }
    }

    /// Works until nobody is left.
    pub(super) async fn work(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.bell.wakes(cx.waker());
        while let Poll::Ready(Some(mut member)) = self.newcomers.poll_recv(cx) {
            match self.takes_on(&mut member) {
                Presence::Here => self.members.push(*member),
                Presence::Gone => self.loses(*member),
            }
        }
        if self.bell.has_rung() {
            self.each(Member::attend);
        }
        match self.ears.poll_next(cx) {
            Poll::Ready(Some(cue)) => {
                self.acts_on(cue);
                // There may be more; but others have their turn first.
                cx.waker().wake_by_ref();
            }
            // Nobody is left who could say anything.
            Poll::Ready(None) => return Poll::Ready(()),
            Poll::Pending => {}
        }
        if self.members.is_empty() && self.delivery.dismisses(self.room, &self.aboard) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn acts_on(&mut self, cue: Cue) {
        match cue {
            Cue::Scene(scene) => self.each(|member, cx| member.meets(&scene, cx)),
            Cue::Beat => self.each(Member::beat),
            Cue::Leave(over) => {
                self.leaving = Some(over);
                self.each(|member, cx| {
                    member.leaves_within(over);
                    member.attend(cx)
                });
            }
        }
    }

    fn takes_on(&self, member: &mut Member) -> Presence {
        let cx = &mut Context::from_waker(&self.waker);
        if let Some(over) = self.leaving {
            member.leaves_within(over);
        }
        match member.attend(cx) {
            // What the crew has heard of may be older than what let the newcomer in.
            Presence::Here => member.looks(cx),
            Presence::Gone => Presence::Gone,
        }
    }

    /// What each does may have to be done again when the bell rings.
    fn each(&mut self, mut act: impl FnMut(&mut Member, &mut Context<'_>) -> Presence) {
        let waker = self.waker.clone();
        let mut at = 0;
        while let Some(member) = self.members.get_mut(at) {
            match act(member, &mut Context::from_waker(&waker)) {
                Presence::Here => at += 1,
                Presence::Gone => {
                    let gone = self.members.swap_remove(at);
                    self.loses(gone);
                }
            }
        }
    }

    fn loses(&self, member: Member) {
        drop(member);
        self.aboard.fetch_sub(1, Ordering::Relaxed);
    }
}

/// However a crew ends, nobody looks for it any more.
impl Drop for Crew {
    fn drop(&mut self) {
        self.delivery.forgets(self.room, &self.aboard);
    }
}
