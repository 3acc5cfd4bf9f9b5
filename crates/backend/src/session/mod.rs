//! What is drawn: sessions are created, changed, listed, deleted and watched here.
//!
//! An update goes right → validate → render → store → hub. If rendering or the store fails,
//! nothing was shown; what is shown is stored.

pub mod access;
mod change;
mod expiry;
mod follow;
pub mod gallery;
mod turns;
mod watch;

use std::{net::IpAddr, sync::Arc};

use common::{
    Frame, Revision, SessionAddress, SessionId, UserId,
    api::{Args, CreateSession, UpdateSession},
};

use time::OffsetDateTime;
use tokio::task::JoinError;

use self::{access::Denied, turns::Turns};
pub use self::{
    change::{ArgsChange, Change, ChangeError},
    watch::Visit,
};

use crate::{
    bus::BusError,
    clock::Clock,
    config::Lifetimes,
    encode::{EndReason, Terms},
    hub::Hub,
    lifecycle::Lifecycle,
    render::{RenderError, Renderer, Size},
    store::{
        Creation, Deletion, Drawing, Full, ListPosition, ListedSession, Quota, Quotas,
        SessionStore, StoreError, StoredSession, Update,
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
    /// A space that the session belongs to holds as much as it may.
    #[error("a quota is used up")]
    Full(Full, Quota),
    /// It is not for this caller.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// News of the session cannot be heard.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A defect: the work panicked.
    #[error("the work was not done: {0}")]
    Defect(#[from] JoinError),
}

/// Who creates a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creator {
    /// A user: it is theirs.
    User(UserId),
    /// Someone in this network: it is everyone's.
    Anyone(IpAddr),
}

impl Creator {
    /// Where a session of theirs lives.
    pub fn address(&self, id: SessionId) -> SessionAddress {
        match self {
            Self::User(owner) => SessionAddress::owned(owner.clone(), id),
            Self::Anyone(_) => SessionAddress::public(id),
        }
    }
}

/// A session as viewers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Where it lives.
    pub address: SessionAddress,
    /// What it looks like.
    pub frame: Frame,
    /// Who may watch, and until when.
    pub terms: Terms,
}

impl From<StoredSession> for Shown {
    fn from(session: StoredSession) -> Self {
        let frame = session.frame();
        Self { address: session.address, frame, terms: Terms::from(&session.drawing) }
    }
}

impl From<&Drawing> for Terms {
    fn from(drawing: &Drawing) -> Self {
        Self {
            visibility: drawing.visibility,
            expires_at: drawing.expires_at,
            max_frames_per_second: drawing.max_frames_per_second,
        }
    }
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
    quotas: Quotas,
    lifecycle: Lifecycle,
    turns: Arc<Turns>,
}

impl Sessions {
    /// Sessions that are kept in `store` and shown by `hub`. What is begun is finished within
    /// `lifecycle`.
    pub fn new(
        store: Arc<dyn SessionStore>,
        hub: Arc<Hub>,
        renderer: Arc<Renderer>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
        quotas: Quotas,
        lifecycle: Lifecycle,
    ) -> Arc<Self> {
        let turns = Arc::default();
        Arc::new(Self { store, hub, renderer, clock, lifetimes, quotas, lifecycle, turns })
    }

    /// Does `work` on a session in turn, and to its end: between what is stored and what is
    /// shown there must be no caller that can go away.
    async fn in_turn<T, W>(
        self: &Arc<Self>,
        address: &SessionAddress,
        work: impl FnOnce(Arc<Self>) -> W,
    ) -> Result<T, SessionError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, SessionError>> + Send + 'static,
    {
        // Waiting may be given up; the work may not.
        let turn = self.turns.take(address).await;
        let work = work(self.clone());
        self.lifecycle
            .complete(async move {
                let _turn = turn;
                work.await
            })
            .await?
    }

    /// Draws and stores a new session.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing is stored then.
    pub async fn create(
        self: &Arc<Self>,
        creator: Creator,
        id: SessionId,
        request: CreateSession,
    ) -> Result<(SessionAddress, Revision), SessionError> {
        let address = creator.address(id);
        let network = match creator {
            Creator::User(_) => None,
            Creator::Anyone(network) => Some(network),
        };
        let lifetime =
            change::lifetime(request.ttl_seconds, request.expire.as_deref(), self.lifetimes)?;
        let visibility = change::visibility(&address, request.visibility)?;
        let frame_rate = change::frame_rate(request.max_frames_per_second)?;
        let (template, args) =
            change::picture(request.template, request.template_name, request.args)?;
        let place = address.clone();
        let work = |this: Arc<Self>| async move {
            let now = this.clock.now();
            // Asked before rendering, so that a taken name costs no render; the store decides.
            if this.store.get(&place, now).await?.is_some() {
                return Err(SessionError::Exists);
            }
            let svg = this.renderer.render(&template, &args).await?;
            let drawing = Drawing {
                template,
                args,
                svg,
                visibility: visibility.unwrap_or_default(),
                expires_at: now + lifetime.unwrap_or(this.lifetimes.default),
                max_frames_per_second: frame_rate.flatten(),
            };
            match this.store.create(&place, network, &drawing, &this.quotas, now).await? {
                Creation::Created(revision) => {
                    // Someone may still be looking at an earlier life that has just expired.
                    this.hub.end(&place, revision.epoch.saturating_sub(1), EndReason::Expired);
                    this.announce(&place, revision, drawing).await;
                    Ok(revision)
                }
                Creation::Taken => Err(SessionError::Exists),
                Creation::Full(full) => Err(this.full(full)),
            }
        };
        let revision = self.in_turn(&address, work).await?;
        Ok((address, revision))
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
        self: &Arc<Self>,
        address: &SessionAddress,
        expected: Expectation,
        request: Change,
    ) -> Result<Revision, SessionError> {
        let request = request.check(address, self.lifetimes)?;
        let place = address.clone();
        let work = |this: Arc<Self>| async move {
            // Writers on this node take turns, so only another node can make this go round.
            loop {
                let now = this.clock.now();
                let before = this.get(&place).await?;
                if !expected.admits(before.revision) {
                    return Err(SessionError::Changed);
                }
                let mut drawing = request.applied_to(&before.drawing, now);
                if drawing.template != before.drawing.template
                    || drawing.args != before.drawing.args
                {
                    drawing.svg = this.renderer.render(&drawing.template, &drawing.args).await?;
                }
                let update =
                    this.store.update(&place, before.revision, &drawing, &this.quotas, now);
                match update.await? {
                    Update::Done(revision) => {
                        this.announce(&place, revision, drawing).await;
                        return Ok(revision);
                    }
                    Update::Stale => {}
                    Update::Gone => return Err(SessionError::NotFound),
                    Update::Full(full) => return Err(this.full(full)),
                }
            }
        };
        self.in_turn(address, work).await
    }

    async fn announce(&self, address: &SessionAddress, revision: Revision, drawing: Drawing) {
        let terms = Terms::from(&drawing);
        self.hub.announce(address, Frame { revision, svg: drawing.svg }, terms).await;
    }

    /// The life of a session that is shown here.
    fn shown_epoch(&self, address: &SessionAddress) -> u64 {
        self.hub.shown(address).map_or(0, |shown| shown.revision.epoch)
    }

    fn full(&self, full: Full) -> SessionError {
        SessionError::Full(full, self.quotas.of(full.space()))
    }

    /// Deletes a session and ends its streams.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn delete(
        self: &Arc<Self>,
        address: &SessionAddress,
        expected: Expectation,
    ) -> Result<(), SessionError> {
        let place = address.clone();
        let work = |this: Arc<Self>| async move {
            loop {
                let revision = this.get(&place).await?.revision;
                if !expected.admits(revision) {
                    return Err(SessionError::Changed);
                }
                match this.store.delete(&place, Some(revision), this.clock.now()).await? {
                    Deletion::Done => {
                        let epoch = revision.epoch;
                        this.hub.announce_end(&place, epoch, EndReason::Deleted).await;
                        return Ok(());
                    }
                    // Changed by another node since it was looked at: look again.
                    Deletion::Stale => {}
                    Deletion::Gone => return Err(SessionError::NotFound),
                }
            }
        };
        self.in_turn(address, work).await
    }

    /// Deletes all sessions of a user that were created before a time, and ends their streams.
    ///
    /// # Errors
    /// [`SessionError::Store`]; some may be left then.
    pub async fn delete_all_of(
        self: &Arc<Self>,
        owner: &UserId,
        before: OffsetDateTime,
    ) -> Result<(), SessionError> {
        /// How many are looked up at a time.
        const PAGE: u32 = 100;
        let mut after = None;
        loop {
            let (page, more) = self.list(owner, after.as_ref(), PAGE).await?;
            for ListedSession { id, created_at, .. } in page {
                after = Some(ListPosition { created_at, id: id.clone() });
                if created_at >= before {
                    continue;
                }
                let address = SessionAddress::owned(owner.clone(), id);
                match self.delete(&address, Expectation::Anything).await {
                    // It may have ended by itself meanwhile.
                    Ok(()) | Err(SessionError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            if !more {
                return Ok(());
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

    /// A picture as a PNG.
    ///
    /// # Errors
    /// [`SessionError::Render`] when it cannot be drawn.
    pub async fn snapshot(&self, frame: &Frame, size: Size) -> Result<Vec<u8>, SessionError> {
        Ok(self.renderer.snapshot(&frame.svg, size).await?)
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
            max_frames_per_second: request.max_frames_per_second,
        }
    }
}
