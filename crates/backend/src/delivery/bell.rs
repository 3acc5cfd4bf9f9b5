//! One waker for many sockets, which tells their crew that one of them has something to say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Rings when a socket can be read or written again, or a time has come. Unlike the waker of a
/// task, it tells that from everything else for which the task is woken.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    crew: AtomicWaker,
}

impl Bell {
    /// Whoever is to be woken.
    pub(super) fn wakes(&self, crew: &Waker) {
        self.crew.register(crew);
    }

    /// Rings from now on if something happens; whether it did.
    pub(super) fn has_rung(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.crew.wake();
        }
    }
}
