//! The answers of a stream, in all of its forms.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{
        ContentBuilder, Header, RefOr, Response, ResponseBuilder,
        schema::{ObjectBuilder, Type},
    },
};

/// A picture as it is sent once.
pub(in crate::http) const PICTURE: &str =
    r#"<svg xmlns="http://www.w3.org/2000/svg"><text y="20">42</text></svg>"#;

const EVENTS: &str = concat!(
    "retry: 2000\n\n",
    "id: 1795250000000000-3\n",
    r#"data: <svg xmlns="http://www.w3.org/2000/svg"><text y="20">42</text></svg>"#,
    "\n\nevent: end\ndata: {\"reason\":\"deleted\"}\n\n",
);

const PARTS: &str = concat!(
    "--5c0ffee5c0ffee5c0ffee5c0ffee5c0f\r\n",
    "Content-Type: image/svg+xml; charset=utf-8\r\n\r\n",
    r#"<svg xmlns="http://www.w3.org/2000/svg"><text y="20">42</text></svg>"#,
    "\r\n--5c0ffee5c0ffee5c0ffee5c0ffee5c0f--\r\n",
);

const PAGE: &str = "<!doctype html>\n<title>chart</title>\n<img src=\"/stream/chart\">";

/// Every form in which a live picture is sent.
pub(in crate::http) enum Pictures {}

impl IntoResponses for Pictures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let headers = ["Content-Security-Policy", "Vary", "Content-Encoding"];
        let shown = ResponseBuilder::new()
            .description("The live picture")
            .content("text/event-stream", ContentBuilder::new().example(Some(EVENTS.into())))
            .content("multipart/x-mixed-replace", text(PARTS))
            .content("text/html", text(PAGE))
            .content("image/svg+xml", text(PICTURE))
            // OpenAPI 3.1 has no schema for bytes, nor for what never ends.
            .content("image/png", ContentBuilder::new());
        let unchanged = ResponseBuilder::new().description("The snapshot has not changed");
        let ended = ResponseBuilder::new()
            .description("The session has ended: an `EventSource` stops trying");
        let with = |answer: ResponseBuilder, names: &[&str]| {
            let named =
                |answer: ResponseBuilder, name: &&str| answer.header(*name, Header::default());
            names.iter().fold(answer, named).into()
        };
        [
            ("200".to_owned(), with(shown, &headers)),
            ("204".to_owned(), with(ended, &[])),
            ("304".to_owned(), with(unchanged, &["ETag", headers[0], headers[1]])),
        ]
        .into()
    }
}

fn text(example: &str) -> ContentBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    ContentBuilder::new().schema(Some(schema)).example(Some(example.into()))
}
