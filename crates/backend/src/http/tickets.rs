//! Tickets over HTTP: asked for with a token, presented on a stream.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use common::{api::Ticket, path};

use super::{
    docs::{Finding, Refusals, refuses},
    error::ApiError,
    extract::Handing,
};
use crate::{session::Sessions, ticket::Tickets};

/// Work: issuing one more ticket.
enum Issuing {}
refuses!(Issuing: TicketLimit);

/// Issues a ticket to watch a session
///
/// For what cannot send a header, such as an `EventSource` or an `<img>`: it goes into the
/// URL of the stream as `?ticket=`. It opens this one session, once, within 30 seconds; the
/// stream that it opens ends when the token ends that asked for it.
#[utoipa::path(
    post, path = path::TICKET, tag = "Sessions", operation_id = "issueTicket",
    security(("bearer" = [])),
    params(Handing),
    responses(
        (status = 200, description = "A ticket", body = Ticket),
        Refusals<(Handing, Finding, Issuing)>,
    )
)]
pub(super) async fn issue(
    Handing { address, owner }: Handing,
    State(sessions): State<Arc<Sessions>>,
    State(tickets): State<Arc<Tickets>>,
) -> Result<Answer<Ticket>, ApiError> {
    let epoch = sessions.get(&address).await?.revision.epoch;
    let issued = tickets.issue(&address, epoch, &owner).await?;
    Ok(Answer(Ticket { ticket: issued.ticket, expires_in: issued.lifetime.as_secs() }))
}
