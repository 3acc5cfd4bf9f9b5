//! What is drawn: sessions are created, changed, listed, deleted and watched here.
//!
//! An update goes right → validate → render → store → hub. If rendering or the store fails,
//! nothing was shown; what is shown is stored.

pub mod access;
mod change;
mod expiry;
pub mod gallery;

use std::sync::Arc;

use common::{
    Revision, SessionAddress, SessionId, UserId,
    api::{Args, CreateSession, UpdateSession, Visibility},
};

pub use self::change::{ArgsChange, Change, ChangeError};
use crate::{
    clock::Clock,
    config::Lifetimes,
    encode::EndReason,
    hub::{Hub, Viewer},
    render::{RenderError, Renderer},
    store::{
        Creation, Drawing, ListPosition, ListedSession, Outcome, SessionStore, StoreError,
        StoredSession,
    },
};

/// Why a session could not be created, changed or watched.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no such session, or it has expired.
    #[error("there is no such session")]
    NotFound,
    /// The address is taken.
    #[error("the session exists already")]
    Exists,
    /// The session has another revision than the caller expects.
    #[error("the session has changed")]
    Changed,
    /// No such template in the gallery.
    #[error("there is no template `{0}` in the gallery")]
    NoSuchTemplate(String),
    /// The request contradicts itself or the limits.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// There is no picture.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a write expects to find (RFC 9110 §13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// Anything: the last write wins.
    Anything,
    /// One of these revisions.
    OneOf(Vec<Revision>),
}

impl Expectation {
    fn admits(&self, revision: Revision) -> bool {
        match self {
            Self::Anything => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}

/// All sessions, as this node serves them.
#[derive(Debug)]
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    hub: Arc<Hub>,
    renderer: Arc<Renderer>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
}

impl Sessions {
    /// Sessions that are kept in `store` and shown by `hub`.
    pub fn new(
        store: Arc<dyn SessionStore>,
        hub: Arc<Hub>,
        renderer: Arc<Renderer>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { store, hub, renderer, clock, lifetimes }
    }

    /// Draws and stores a new session.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is stored then.
    pub async fn create(
        &self,
        owner: Option<UserId>,
        id: SessionId,
        request: CreateSession,
    ) -> Result<(SessionAddress, Revision), SessionError> {
        let address = SessionAddress { owner, id };
        let now = self.clock.now();
        let lifetime =
            change::lifetime(request.ttl_seconds, request.expire.as_deref(), self.lifetimes)?
                .unwrap_or(self.lifetimes.default);
        let visibility =
            change::visibility(&address, request.visibility)?.unwrap_or(Visibility::Public);
        let (template, args) =
            change::picture(request.template, request.template_name, request.args)?;
        // Asked before rendering, so that a taken name costs no render; the store decides.
        if self.store.get(&address, now).await?.is_some() {
            return Err(SessionError::Exists);
        }
        let svg = self.renderer.render(&template, &args).await?;
        let drawing = Drawing { template, args, svg, visibility, expires_at: now + lifetime };
        match self.store.create(&address, &drawing, now).await? {
            Creation::Created(revision) => {
                // Someone may still be looking at an earlier life that has just expired, and
                // need not have a right to see this one.
                self.hub.end_earlier_life(&address, revision);
                Ok((address, revision))
            }
            Creation::Taken => Err(SessionError::Exists),
        }
    }

    /// The session, if it lives.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] or [`SessionError::Store`].
    pub async fn get(&self, address: &SessionAddress) -> Result<StoredSession, SessionError> {
        self.store.get(address, self.clock.now()).await?.ok_or(SessionError::NotFound)
    }

    /// Changes a session and shows the change. When others write at the same time, the
    /// change is made again on top of theirs, unless `expected` forbids it.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing has changed then.
    pub async fn change(
        &self,
        address: &SessionAddress,
        expected: &Expectation,
        request: Change,
    ) -> Result<Revision, SessionError> {
        let request = request.check(address, self.lifetimes)?;
        loop {
            let now = self.clock.now();
            let before = self.get(address).await?;
            if !expected.admits(before.revision) {
                return Err(SessionError::Changed);
            }
            let mut drawing = request.applied_to(&before.drawing, now);
            if drawing.template != before.drawing.template || drawing.args != before.drawing.args {
                drawing.svg = self.renderer.render(&drawing.template, &drawing.args).await?;
            }
            match self.store.update(address, before.revision, &drawing, now).await? {
                Outcome::Done(revision) => {
                    let after = StoredSession { revision, drawing, ..before.clone() };
                    self.show(&before, &after);
                    return Ok(revision);
                }
                Outcome::Stale => {}
                Outcome::Gone => return Err(SessionError::NotFound),
            }
        }
    }

    fn show(&self, before: &StoredSession, after: &StoredSession) {
        let closed = before.drawing.visibility == Visibility::Public
            && after.drawing.visibility == Visibility::Private;
        if closed {
            // Whoever may still watch comes back with proof of it.
            self.hub.end(&after.address, EndReason::Revoked);
        } else {
            self.hub.show(&after.address, &after.frame());
        }
    }

    /// Deletes a session and ends its streams.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn delete(
        &self,
        address: &SessionAddress,
        expected: &Expectation,
    ) -> Result<(), SessionError> {
        loop {
            let now = self.clock.now();
            let revision = match expected {
                Expectation::Anything => None,
                Expectation::OneOf(_) => Some(self.get(address).await?.revision),
            };
            if revision.is_some_and(|revision| !expected.admits(revision)) {
                return Err(SessionError::Changed);
            }
            match self.store.delete(address, revision, now).await? {
                Outcome::Done(()) => {
                    self.hub.end(address, EndReason::Deleted);
                    return Ok(());
                }
                // Changed since it was looked at: look again.
                Outcome::Stale => {}
                Outcome::Gone => return Err(SessionError::NotFound),
            }
        }
    }

    /// A page of a user's sessions, newest first, and whether there are more.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub async fn list(
        &self,
        owner: &UserId,
        after: Option<&ListPosition>,
        limit: u32,
    ) -> Result<(Vec<ListedSession>, bool), SessionError> {
        let mut page = self.store.list(owner, after, limit + 1, self.clock.now()).await?;
        let more = page.len() > limit as usize;
        page.truncate(limit as usize);
        Ok((page, more))
    }

    /// How many watch a session on this node.
    pub fn viewers(&self, address: &SessionAddress) -> u64 {
        self.hub.viewers(address)
    }

    /// A place from which to watch a session that was just read. Nothing is missed: what
    /// was shown meanwhile is newer and wins.
    ///
    /// # Errors
    /// [`SessionError`], also when the session went away meanwhile.
    pub async fn watch(
        &self,
        address: &SessionAddress,
    ) -> Result<(Viewer, StoredSession), SessionError> {
        let viewer = self.hub.join(address);
        let session = self.get(address).await?;
        viewer.offer(&session.frame());
        Ok((viewer, session))
    }

    /// The current picture of a session as a PNG.
    ///
    /// # Errors
    /// [`SessionError::Render`] when it cannot be drawn.
    pub async fn snapshot(&self, session: &StoredSession) -> Result<Vec<u8>, SessionError> {
        Ok(self.renderer.snapshot(&session.drawing.svg).await?)
    }

    /// Renders without storing.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(&self, template: &str, args: &Args) -> Result<Arc<str>, RenderError> {
        self.renderer.render(template, args).await
    }

    /// Seconds that a session still has.
    pub fn seconds_left(&self, expires_at: time::OffsetDateTime) -> u64 {
        (expires_at - self.clock.now()).whole_seconds().try_into().unwrap_or(0)
    }
}

impl From<UpdateSession> for Change {
    fn from(request: UpdateSession) -> Self {
        Self {
            args: request.args.map(ArgsChange::Replace),
            template: request.template,
            ttl_seconds: request.ttl_seconds,
            expire: request.expire,
            visibility: request.visibility,
        }
    }
}
