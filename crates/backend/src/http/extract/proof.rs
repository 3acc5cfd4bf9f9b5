//! What shows that someone may watch where no header can: a ticket in the URL, or a cookie.
//! Read on streams only, and only for a session that asks for it: on a public one, nobody's
//! old ticket or cookie is in the way.

use std::sync::Arc;

use axum::{
    extract::FromRef,
    http::{HeaderMap, header, request::Parts},
};
use common::{SessionAddress, api::cookie::COOKIE_NAME};
use cookie::Cookie;

use super::caller::{counted, verify};
use crate::{
    http::{App, error::ApiError},
    session::access,
    ticket::{Admission, Tickets},
    token::Identity,
};

/// How someone showed that they may watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Proof {
    /// Nobody asked: the session is public.
    NotNeeded,
    /// A token in the `Authorization` header, which a page sends only on purpose.
    Header,
    /// A ticket in the URL, which whoever made the URL put there on purpose. It has not been
    /// used up: what shows the picture does that. It is for the session of this epoch.
    Ticket { ticket: String, epoch: u64 },
    /// The cookie, which a browser sends by itself.
    Cookie,
}

/// Whom a request without a token in its header speaks for, and how it shows that. A ticket
/// goes before the cookie.
pub(super) async fn beside_the_header(
    parts: &mut Parts,
    app: &App,
    address: &SessionAddress,
    ticket: Option<String>,
) -> Result<Option<(Identity, Proof)>, ApiError> {
    if let Some(ticket) = ticket {
        let Admission { owner, epoch } =
            Arc::<Tickets>::from_ref(app).look_at(&ticket, address).await?;
        return Ok(Some((owner, Proof::Ticket { ticket, epoch })));
    }
    let Some(token) = cookie(&parts.headers) else {
        return Ok(None);
    };
    let who = verify(app, token).await?;
    // A browser sends its cookie unasked, so that of someone else says no more than none.
    match access::is_owner(address, &who) {
        true => Ok(Some((counted(parts, app, who).await?, Proof::Cookie))),
        false => Ok(None),
    }
}

/// The token in the cookie. A browser does not send it for another site's page; where one
/// says that it did, the cookie is not read.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return None;
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .flatten()
        .find(|cookie| cookie.name() == COOKIE_NAME)
        .and_then(|cookie| cookie.value_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn read(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        cookie(&headers).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others_by_its_whole_name() {
        assert_eq!(read(&[("cookie", "a=b; __Host-easel=x.y.z; c=d")]).as_deref(), Some("x.y.z"));
        assert_eq!(read(&[("cookie", "a=b"), ("cookie", "__Host-easel=x")]).as_deref(), Some("x"));
        for cookies in ["", "easel=x", "__Host-easel2=x", "__host-easel=x", "a=__Host-easel=x"] {
            assert_eq!(read(&[("cookie", cookies)]), None, "{cookies}");
        }
    }

    #[test]
    fn the_cookie_is_not_read_for_the_page_of_another_site() {
        let cookie = ("cookie", "__Host-easel=x");
        assert_eq!(read(&[cookie, ("sec-fetch-site", "cross-site")]), None);
        for site in ["same-origin", "same-site", "none"] {
            assert!(read(&[cookie, ("sec-fetch-site", site)]).is_some(), "{site}");
        }
    }
}
