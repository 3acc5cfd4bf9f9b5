//! What the OpenAPI document promises, held against every answer that a story sees.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jsonschema::{Draft, Validator};
use reqwest::{
    Method, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

use crate::Setup;

/// Where nothing is answered but what the document promises.
const ROOMS: &[&str] = &["/api", "/stream", "/.well-known", "/health", "/ready"];

/// The methods that an operation can have.
pub const METHODS: &[&str] = &["get", "put", "post", "delete", "patch"];

/// The OpenAPI document of a server.
#[derive(Debug)]
pub struct Document {
    json: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An answer, as far as it has been read.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The path of the request.
    pub path: &'a str,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body; `None` for a stream, which has no end.
    pub body: Option<&'a [u8]>,
}

impl<'a> Answered<'a> {
    /// The beginning of a stream that was asked for with GET.
    pub fn head(response: &'a Response) -> Self {
        Self {
            method: &Method::GET,
            path: response.url().path(),
            status: response.status().as_u16(),
            headers: response.headers(),
            body: None,
        }
    }
}

impl Document {
    /// The document of a server as it comes.
    ///
    /// # Panics
    /// When there is none.
    pub fn of_easel() -> &'static Self {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        DOCUMENT.get_or_init(|| {
            let document = backend::server::openapi(&Setup::default().config());
            Self::new(document.expect("a document"))
        })
    }

    /// A document.
    pub fn new(json: Value) -> Self {
        Self { json, validators: Mutex::default() }
    }

    /// The whole of it.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Every operation: its path, its method in lower case, and what is said of it.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let items = self.json["paths"].as_object().into_iter().flatten();
        items.flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }

    /// What a `$ref` stands for; anything else for itself.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => {
                self.json.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {pointer}"))
            }
            None => value,
        }
    }

    /// The path of the document that a URL's path fits. One with fewer variables comes first.
    fn route(&self, path: &str) -> Option<&str> {
        let paths = self.json["paths"].as_object()?.keys();
        let fits = |pattern: &&String| {
            let (pattern, path) = (pattern.split('/'), path.split('/'));
            pattern.clone().count() == path.clone().count()
                && pattern.zip(path).all(|(p, s)| p == s || (p.starts_with('{') && !s.is_empty()))
        };
        paths.filter(fits).min_by_key(|path| path.matches('{').count()).map(String::as_str)
    }

    /// The methods of a path, as its `Allow` header should list them.
    pub fn allowed(&self, path: &str) -> Vec<String> {
        let described = self.json["paths"][path].as_object().into_iter().flatten();
        let mut allowed: Vec<_> = described.map(|(method, _)| method.to_uppercase()).collect();
        if allowed.contains(&"GET".to_owned()) {
            allowed.push("HEAD".to_owned());
        }
        allowed.sort();
        allowed
    }

    /// Insists that an answer is as the document promises.
    ///
    /// # Panics
    /// When it is not.
    pub fn holds(&self, answer: Answered<'_>) {
        if let Err(fault) = self.check(answer) {
            let Answered { method, path, status, body, .. } = answer;
            let body = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
            panic!("the document does not promise this: {fault}\n{method} {path}: {status} {body}");
        }
    }

    fn check(&self, answer: Answered<'_>) -> Result<(), String> {
        let Answered { method, path, status, .. } = answer;
        let Some(route) = self.route(path) else {
            let ours = |room: &&str| {
                path.strip_prefix(*room)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            return match ROOMS.iter().any(ours) && status != 404 {
                true => Err("no such path".to_owned()),
                false => Ok(()),
            };
        };
        let read = if method == Method::HEAD { &Method::GET } else { method };
        let name = read.as_str().to_lowercase();
        let operation = &self.json["paths"][route][&name];
        if !operation.is_object() {
            return match (status, method == Method::OPTIONS) {
                (_, true) | (405, _) => Ok(()),
                _ => Err(format!("{route} has no {name}")),
            };
        }
        let responses = &operation["responses"];
        let promised = &responses[status.to_string()];
        if !promised.is_object() {
            let known: Vec<_> =
                responses.as_object().into_iter().flat_map(|all| all.keys()).collect();
            return Err(format!("{name} {route} never answers {status}, but {known:?}"));
        }
        for (header, it) in promised["headers"].as_object().into_iter().flatten() {
            let must = self.resolve(it)["required"] == true;
            if must && !answer.headers.contains_key(header.as_str()) {
                return Err(format!("no {header} on {name} {route} {status}"));
            }
        }
        let at = format!("/paths/{}/{name}/responses/{status}", escape(route));
        self.check_content(answer, promised, &at)
    }

    fn check_content(
        &self,
        answer: Answered<'_>,
        promised: &Value,
        at: &str,
    ) -> Result<(), String> {
        let contents = &promised["content"];
        let declared = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let Some(declared) = declared else {
            let empty = contents.is_null() && answer.body.is_none_or(<[u8]>::is_empty);
            return if empty { Ok(()) } else { Err(format!("no Content-Type at {at}")) };
        };
        let essence = declared.split(';').next().unwrap_or_default().trim();
        let content = &contents[essence];
        if !content.is_object() {
            return Err(format!("{at} has no {essence}"));
        }
        let body = match answer.body {
            Some(body) if answer.method != Method::HEAD && !content["schema"].is_null() => body,
            _ => return Ok(()),
        };
        let schema = format!("{at}/content/{}/schema", escape(essence));
        let read = |text: &[u8]| serde_json::from_slice(text).map_err(|error| error.to_string());
        match essence {
            "application/x-ndjson" => {
                let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                lines.try_for_each(|line| self.fits(&read(line)?, &schema))
            }
            _ if essence.ends_with("json") => self.fits(&read(body)?, &schema),
            _ => {
                let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
                self.fits(&json!(text), &schema)
            }
        }
    }

    /// Whether a value fits the schema at a pointer of the document.
    ///
    /// # Errors
    /// What does not fit, and where.
    ///
    /// # Panics
    /// When there is no such schema, or it is none.
    pub fn fits(&self, value: &Value, pointer: &str) -> Result<(), String> {
        let validator = self.validator(pointer);
        let faults: Vec<_> = validator
            .iter_errors(value)
            .map(|fault| format!("{fault} at {:?}", fault.instance_path().to_string()))
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("{pointer}: {}", faults.join("; "))) }
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let schema = self.json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
            // References are to the components, from the root.
            let root = json!({ "allOf": [schema], "components": self.json["components"] });
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            Arc::new(options.should_validate_formats(true).build(&root).expect("a schema"))
        };
        validators.entry(pointer.to_owned()).or_insert_with(make).clone()
    }
}

/// A segment of a JSON pointer (RFC 6901).
pub fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
