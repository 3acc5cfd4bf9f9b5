//! The reference for people: the OpenAPI document, laid out as a page. It is made once, and
//! needs no script.

use common::api::ErrorCode;
use pulldown_cmark::{Parser, html};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    examples,
    headers::{EVERYWHERE, HEADERS},
};

/// The methods of a path, in the order in which one meets them.
const METHODS: &[&str] = &["post", "get", "put", "patch", "delete"];

/// What the page shows.
#[derive(Serialize)]
pub(super) struct Sheet<'a> {
    title: &'a str,
    version: &'a str,
    about: String,
    document: &'static str,
    pub(super) style: &'static str,
    groups: Vec<Group<'a>>,
    parameters: Vec<Field<'a>>,
    headers: Vec<Header>,
    codes: Vec<Code>,
    schemas: Vec<Schema<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    id: String,
    name: &'a str,
    about: String,
    operations: Vec<Operation<'a>>,
}

#[derive(Serialize)]
struct Operation<'a> {
    id: &'a str,
    method: String,
    path: &'a str,
    summary: &'a str,
    about: String,
    /// What the caller must show; nothing when anyone may call.
    proof: &'static str,
    parameters: Vec<Field<'a>>,
    body: Option<Content<'a>>,
    curl: String,
    answers: Vec<Answer<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    place: &'a str,
    required: bool,
    about: String,
    kind: Kind,
    example: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    status: &'a str,
    about: String,
    headers: Vec<&'a str>,
    codes: Vec<&'a str>,
    contents: Vec<Content<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    media_type: &'a str,
    kind: Kind,
    example: String,
}

#[derive(Serialize)]
struct Header {
    name: &'static str,
    about: String,
    example: &'static str,
    everywhere: bool,
}

#[derive(Serialize)]
struct Code {
    code: &'static str,
    status: u16,
    title: &'static str,
    example: String,
}

#[derive(Serialize)]
struct Schema<'a> {
    id: String,
    name: &'a str,
    about: String,
    kind: String,
    fields: Vec<Field<'a>>,
    example: String,
}

/// What a value may be, in words; `link` is where a schema of its own stands.
#[derive(Default, Serialize)]
struct Kind {
    before: &'static str,
    text: String,
    link: Option<String>,
    after: &'static str,
}

/// Lays out a document.
pub(super) fn lay_out<'a>(
    document: &'a Value,
    path: &'static str,
    style: &'static str,
) -> Sheet<'a> {
    let components = &document["components"];
    let groups = list(&document["tags"]).map(|tag| group(document, tag)).collect();
    let headers = HEADERS.iter().map(|&(name, about, example)| Header {
        name,
        about: prose(about),
        example,
        everywhere: EVERYWHERE.contains(&name),
    });
    let codes = ErrorCode::ALL.iter().map(|&code| Code {
        code: code.as_str(),
        status: code.status(),
        title: code.title(),
        example: serde_json::to_string_pretty(&examples::problem(code)).unwrap_or_default(),
    });
    Sheet {
        title: text(&document["info"]["title"]),
        version: text(&document["info"]["version"]),
        about: prose(text(&document["info"]["description"])),
        document: path,
        style,
        groups,
        parameters: members(&components["parameters"]).map(|(_, it)| parameter(it)).collect(),
        headers: headers.collect(),
        codes: codes.collect(),
        schemas: members(&components["schemas"]).map(|(name, it)| schema(name, it)).collect(),
    }
}

fn group<'a>(document: &'a Value, tag: &'a Value) -> Group<'a> {
    let name = text(&tag["name"]);
    let operations = members(&document["paths"]).flat_map(|(path, item)| {
        members(item).map(move |(method, operation)| (path, method, operation))
    });
    let mut operations: Vec<_> =
        operations.filter(|(_, _, it)| list(&it["tags"]).any(|tag| tag == name)).collect();
    operations
        .sort_by_key(|&(path, method, _)| (path, METHODS.iter().position(|it| *it == method)));
    Group {
        id: format!("tag-{}", name.to_lowercase().replace(' ', "-")),
        name,
        about: prose(text(&tag["description"])),
        operations: operations
            .into_iter()
            .map(|(path, method, it)| operation(document, path, method, it))
            .collect(),
    }
}

fn operation<'a>(document: &'a Value, path: &'a str, method: &str, it: &'a Value) -> Operation<'a> {
    let schemes: Vec<_> = list(&it["security"]).filter_map(Value::as_object).collect();
    let body = members(&it["requestBody"]["content"]).next();
    let body = body.map(|(media_type, content)| self::content(document, media_type, content));
    Operation {
        id: text(&it["operationId"]),
        method: method.to_uppercase(),
        path,
        summary: text(&it["summary"]),
        about: prose(text(&it["description"])),
        proof: match schemes.iter().any(|scheme| scheme.is_empty()) {
            true => "a token, where the session is private",
            false if schemes.is_empty() => "",
            false => "needs a token",
        },
        // What is only referred to is read by every route, and stands at the end.
        parameters: list(&it["parameters"])
            .filter(|parameter| parameter["$ref"].is_null())
            .map(parameter)
            .collect(),
        curl: curl(path, method, it, body.as_ref()),
        body,
        answers: members(&it["responses"])
            .map(|(status, it)| answer(document, status, it))
            .collect(),
    }
}

/// The call, as one would type it.
fn curl(path: &str, method: &str, it: &Value, body: Option<&Content<'_>>) -> String {
    let mut url = path.to_owned();
    for parameter in list(&it["parameters"]).filter(|parameter| parameter["in"] == "path") {
        let name = format!("{{{}}}", text(&parameter["name"]));
        url = url.replace(&name, text(&parameter["example"]));
    }
    let mut call = match method {
        "get" => format!("curl \"$EASEL{url}\""),
        method => format!("curl -X {} \"$EASEL{url}\"", method.to_uppercase()),
    };
    if list(&it["security"]).any(|scheme| scheme["bearer"].is_array()) {
        call.push_str(" \\\n  -H \"Authorization: Bearer $EASEL_TOKEN\"");
    }
    if let Some(body) = body {
        call.push_str(&format!(" \\\n  -H 'Content-Type: {}'", body.media_type));
        let example = body.example.replace('\'', "'\\''");
        call.push_str(&format!(" \\\n  -d '{example}'"));
    }
    call
}

fn answer<'a>(document: &'a Value, status: &'a str, it: &'a Value) -> Answer<'a> {
    let headers = members(&it["headers"]).map(|(name, _)| name);
    let problem = &it["content"][crate::http::error::PROBLEM_JSON]["examples"];
    let codes: Vec<_> = members(problem).map(|(code, _)| code).collect();
    let contents = match codes.is_empty() {
        true => members(&it["content"]).map(|(kind, it)| content(document, kind, it)).collect(),
        false => Vec::new(),
    };
    Answer {
        status,
        about: prose(text(&it["description"])),
        headers: headers.filter(|name| !EVERYWHERE.contains(name)).collect(),
        codes,
        contents,
    }
}

fn content<'a>(document: &Value, media_type: &'a str, it: &Value) -> Content<'a> {
    let schema = &it["schema"];
    let name = schema["$ref"].as_str().map_or("", schema_name);
    let described = &document["components"]["schemas"][name];
    let example = [&it["example"], &schema["example"], &described["example"]];
    let example = example.into_iter().find(|example| !example.is_null());
    Content { media_type, kind: kind(schema), example: example.map(pretty).unwrap_or_default() }
}

fn parameter(it: &Value) -> Field<'_> {
    Field {
        name: text(&it["name"]),
        place: text(&it["in"]),
        required: it["required"] == true,
        about: prose(text(&it["description"])),
        kind: kind(&it["schema"]),
        example: plain(&it["example"]),
    }
}

fn schema<'a>(name: &'a str, it: &'a Value) -> Schema<'a> {
    // A schema with rules beside its members is both, in a list.
    let parts = || std::iter::once(it).chain(list(&it["allOf"]));
    let fields = parts().flat_map(|part| {
        let required: Vec<_> = list(&part["required"]).map(text).collect();
        members(&part["properties"]).map(move |(name, it)| Field {
            name,
            place: "",
            required: required.contains(&name),
            about: prose(text(&it["description"])),
            kind: kind(it),
            example: String::new(),
        })
    });
    let kind = match it["enum"].is_array() {
        true => self::kind(it).text,
        false => String::new(),
    };
    let about = parts().map(|part| text(&part["description"])).find(|about| !about.is_empty());
    Schema {
        id: schema_id(name),
        name,
        about: prose(about.unwrap_or_default()),
        kind,
        fields: fields.collect(),
        example: if it["example"].is_null() { String::new() } else { pretty(&it["example"]) },
    }
}

fn kind(schema: &Value) -> Kind {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = schema_name(reference);
        return Kind { text: name.to_owned(), link: Some(schema_id(name)), ..Kind::default() };
    }
    for several in ["oneOf", "allOf", "anyOf"] {
        let is_null = |part: &&Value| part["type"] == "null";
        let may_be_null = list(&schema[several]).any(|part| is_null(&part));
        if let Some(first) = list(&schema[several]).find(|part| !is_null(part)) {
            return Kind { after: if may_be_null { " or null" } else { "" }, ..kind(first) };
        }
    }
    if schema["type"] == "array" {
        return Kind { before: "list of ", ..kind(&schema["items"]) };
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one).to_owned(),
    };
    let values: Vec<_> = list(&schema["enum"]).map(plain).collect();
    if !values.is_empty() {
        words = values.join(", ");
    }
    for (key, says) in
        [("minimum", "from"), ("maximum", "to"), ("pattern", "like"), ("format", "as")]
    {
        // Formats of numbers say how wide they are in a program, which is nobody's concern.
        let says_more = !schema[key].is_null() && !plain(&schema[key]).starts_with("int");
        if says_more {
            words.push_str(&format!(", {says} {}", plain(&schema[key])));
        }
    }
    Kind { text: words, ..Kind::default() }
}

fn schema_name(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

fn schema_id(name: &str) -> String {
    format!("schema-{name}")
}

/// Our own words, which are Markdown, as HTML.
fn prose(markdown: &str) -> String {
    let mut page = String::new();
    html::push_html(&mut page, Parser::new(markdown));
    page
}

fn pretty(example: &Value) -> String {
    match example {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members: Option<&Map<_, _>> = value.as_object();
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
