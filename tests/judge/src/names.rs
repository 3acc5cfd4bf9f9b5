//! Names that come with requests: what is read is what was meant, and has one spelling.

use backend::{
    store::ListPosition,
    telemetry::trace::{TraceContext, request_id},
};
use common::{
    Revision, SessionAddress, SessionId, UserId,
    etag::{EntityTag, EntityTags},
    path,
};

/// Takes a name of any kind, as it could stand in a URL, a header or a body.
pub fn names(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    ids(text);
    revision(text);
    position(text);
    tags(text);
    trace(text);
    let name = request_id(Some(text));
    assert!((1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()));
    assert!(!name.contains(['"', '\'', '<', '>', '&', ':', '/', '\\']), "{name}");
}

fn is_id(text: &str) -> bool {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    (1..=64).contains(&text.chars().count()) && text.chars().all(|c| alphabet.contains(c))
}

fn ids(text: &str) {
    let (user, session) = (text.parse::<UserId>(), text.parse::<SessionId>());
    assert_eq!((user.is_ok(), session.is_ok()), (is_id(text), is_id(text)), "{text:?}");
    let json = serde_json::to_string(text).expect("text as JSON");
    assert_eq!(serde_json::from_str::<UserId>(&json).is_ok(), is_id(text), "{text:?}");
    if let Ok(user) = user {
        assert_eq!(
            (user.to_string(), serde_json::to_string(&user).ok()),
            (text.to_owned(), Some(json))
        );
    }
    let parts: Vec<&str> = text.split('/').collect();
    let is_address = parts.len() <= 2 && parts.iter().all(|part| is_id(part));
    match text.parse::<SessionAddress>() {
        Ok(address) => {
            assert!(is_address, "{text:?}");
            assert_eq!(address.to_string(), text);
            assert_eq!(address.owner.is_some(), parts.len() == 2);
            assert_eq!(path::stream(&address), format!("/stream/{text}"));
        }
        Err(_) => assert!(!is_address, "{text:?}"),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
}

fn revision(text: &str) {
    let expected = text.split_once('-').is_some_and(|(a, b)| is_number(a) && is_number(b));
    let revision = text.parse::<Revision>();
    assert_eq!(revision.is_ok(), expected, "{text:?}");
    if let Ok(revision) = revision {
        assert_eq!(revision.to_string(), text);
        let tag = EntityTag { opaque: text.to_owned(), weak: false };
        assert_eq!(EntityTags::parse([&*revision.etag()]), Some(EntityTags::Listed(vec![tag])));
    }
}

fn position(text: &str) {
    if let Ok(position) = text.parse::<ListPosition>() {
        assert_eq!(position.to_string(), text);
        assert!(is_id(position.id.as_str()));
    }
}

fn tags(text: &str) {
    let Some(EntityTags::Listed(tags)) = EntityTags::parse(text.lines()) else { return };
    let write = |tag: &EntityTag| format!("{}\"{}\"", if tag.weak { "W/" } else { "" }, tag.opaque);
    let written: Vec<String> = tags.iter().map(write).collect();
    for tag in &written {
        assert!(text.contains(tag.as_str()), "{tag} is not in {text:?}");
    }
    let again = EntityTags::parse([written.join(",").as_str()]);
    assert_eq!(again, Some(EntityTags::Listed(tags)), "{text:?}");
}

fn trace(text: &str) {
    let Some(context) = TraceContext::parse(text) else { return };
    let written = context.to_string();
    assert_eq!(TraceContext::parse(&written), Some(context));
    // Version, trace and span are at fixed places in every version, and in small letters.
    assert_eq!((&written[2..53], written.len()), (&text[2..53], 55), "{text:?}");
    assert!(!text.starts_with("ff") && context.trace_id() == text[3..35], "{text:?}");
    let child = context.child();
    assert_eq!(child.trace_id(), context.trace_id());
    assert!(TraceContext::parse(&child.to_string()).is_some());
}
