//! The words of the template language that come from outside of it: its filters, tests and
//! functions. What is allowed is listed, so that another version of the engine brings
//! nothing that nobody has looked at. `docs/templates.md` describes the same list.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use tera::{Error, Kwargs, Map, State, Tera, TeraResult, Value, value::Key};
use time::{OffsetDateTime, format_description, format_description::well_known::Rfc3339};

use super::metered::{COUNT_ELEMENT, COUNT_TURN, Use};

/// Filters: they make a value of another, of nothing else, and print nothing unescaped.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "default",
    "escape",
    "first",
    "float",
    "get",
    "group_by",
    "indent",
    "int",
    "join",
    "keys",
    "last",
    "length",
    "lower",
    "nth",
    "pairs",
    "pluralize",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "str",
    "title",
    "trim",
    "trim_end",
    "trim_start",
    "truncate",
    "unique",
    "upper",
    "values",
    "wordcount",
];

/// Filters of the engine that are not available, and why.
pub(super) const REFUSED_FILTERS: &[(&str, &str)] = &[
    ("safe", "what a template prints is always escaped"),
    ("escape_html", "what a template prints is escaped anyway, and would be twice"),
    ("escape_xml", "what a template prints is escaped anyway, and would be twice"),
    ("newlines_to_br", "SVG has no <br>; print a <tspan> for each line"),
];

/// Tests: they look at a value.
pub(super) const TESTS: &[&str] = &[
    "array",
    "bool",
    "containing",
    "defined",
    "divisible_by",
    "ending_with",
    "even",
    "float",
    "integer",
    "iterable",
    "map",
    "none",
    "number",
    "odd",
    "starting_with",
    "string",
    "undefined",
];

/// Functions: `now` is told the time by the server, and `throw` ends in an error.
pub(super) const FUNCTIONS: &[&str] = &["now", "range", "throw"];

/// Why a name is not available; `None` if it is.
pub(super) fn refusal(what: Use, name: &str) -> Option<String> {
    let (kind, listed) = match what {
        Use::Filter => ("filter", FILTERS),
        Use::Test => ("test", TESTS),
        Use::Function => ("function", FUNCTIONS),
    };
    if listed.contains(&name) {
        return None;
    }
    let known = REFUSED_FILTERS.iter().find(|(refused, _)| what == Use::Filter && *refused == name);
    let name: String = name.chars().take(64).collect();
    Some(match known {
        Some((_, reason)) => format!("the {kind} `{name}` is not available here: {reason}"),
        None => {
            format!("the {kind} `{name}` is not available here; there are: {}", listed.join(", "))
        }
    })
}

/// What is measured while a template is drawn, and what it is told. One drawing at a time.
#[derive(Debug)]
pub(super) struct Meter {
    limit: u64,
    steps: AtomicU64,
    exceeded: AtomicBool,
    now: AtomicI64,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            steps: AtomicU64::new(0),
            exceeded: AtomicBool::new(false),
            now: AtomicI64::new(0),
        })
    }

    /// Begins to measure anew.
    pub(super) fn begin(&self, now: OffsetDateTime) {
        self.steps.store(0, Ordering::Relaxed);
        self.exceeded.store(false, Ordering::Relaxed);
        self.now.store(now.unix_timestamp(), Ordering::Relaxed);
    }

    /// Whether the drawing went beyond its limit.
    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    fn step(&self) -> TeraResult<()> {
        let before = self.steps.fetch_add(1, Ordering::Relaxed);
        if before < self.limit { Ok(()) } else { self.exceed() }
    }

    fn exceed<T>(&self) -> TeraResult<T> {
        self.exceeded.store(true, Ordering::Relaxed);
        Err(Error::message("too many steps"))
    }

    fn now(&self) -> TeraResult<OffsetDateTime> {
        let seconds = self.now.load(Ordering::Relaxed);
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Error::message("no such time"))
    }
}

/// An engine that knows the functions of a caller.
pub(super) fn callers_engine(meter: &Arc<Meter>) -> Tera {
    let mut tera = Tera::new();
    // Every template makes XML, whatever its name.
    tera.autoescape_on([""]);
    let own = meter.clone();
    tera.register_function("now", move |kwargs: Kwargs, _: &State| now(&own, &kwargs));
    let own = meter.clone();
    tera.register_function("range", move |kwargs: Kwargs, _: &State| range(&own, &kwargs));
    tera.register_filter("group_by", |rows: &[Value], kwargs: Kwargs, _: &State| {
        group_by(rows, &kwargs)
    });
    tera
}

/// The same engine, which can count as well. No source of a caller is compiled by it before
/// it is by the other, so no caller can call what counts.
pub(super) fn counting_engine(callers: &Tera, meter: &Arc<Meter>) -> Tera {
    let mut tera = callers.clone();
    let own = meter.clone();
    tera.register_function(COUNT_TURN, move |_: Kwargs, _: &State| own.step().map(|()| ""));
    let own = meter.clone();
    tera.register_function(COUNT_ELEMENT, move |_: Kwargs, _: &State| own.step().map(|()| true));
    tera
}

/// The time of the drawing, in UTC and whole seconds.
fn now(meter: &Meter, kwargs: &Kwargs) -> TeraResult<Value> {
    let now = meter.now()?;
    if kwargs.get::<bool>("timestamp")?.unwrap_or(false) {
        return Ok(now.unix_timestamp().into());
    }
    let text = match kwargs.get::<&str>("format")? {
        None => now.format(&Rfc3339).map_err(|_| Error::message("no such time"))?,
        Some(pattern) => {
            let fault = || {
                let example = "such as %Y-%m-%d %H:%M:%S";
                Error::message(format!(
                    "the `format` of `now` must be in the way of strftime, {example}"
                ))
            };
            let pattern = format_description::parse_strftime_borrowed(pattern);
            now.format(&pattern.map_err(|_| fault())?).map_err(|_| fault())?
        }
    };
    Ok(text.into())
}

/// Groups in the order in which they first come: the engine's own come in a random one, and
/// the same args would not give the same picture.
fn group_by(rows: &[Value], kwargs: &Kwargs) -> TeraResult<Map> {
    let attribute = kwargs.must_get::<&str>("attribute")?;
    let mut groups: Vec<(Key<'static>, Vec<Value>)> = Vec::new();
    let mut places: HashMap<Key<'static>, usize> = HashMap::new();
    for (i, row) in rows.iter().enumerate() {
        let value = row.get_from_path(attribute).ok_or_else(|| {
            Error::message(format!("the element at index {i} has no attribute `{attribute}`"))
        })?;
        if value.is_none() {
            continue;
        }
        let key = key(value)?;
        let place = *places.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(row.clone());
    }
    Ok(groups.into_iter().map(|(key, rows)| (key, rows.into())).collect())
}

fn key(value: &Value) -> TeraResult<Key<'static>> {
    let text = value.as_str().map(|text| Key::String(text.into()));
    let truth = || value.as_bool().map(Key::Bool);
    let number = || value.as_i128().filter(|_| !value.is_f64()).map(Key::I128);
    text.or_else(truth)
        .or_else(number)
        .ok_or_else(|| Error::message("groups are made by strings, whole numbers or booleans"))
}

/// The numbers from `start` to before `end`. As many as a template may take steps, at most.
fn range(meter: &Meter, kwargs: &Kwargs) -> TeraResult<Vec<i64>> {
    let start = kwargs.get::<i64>("start")?.unwrap_or(0);
    let end = kwargs.must_get::<i64>("end")?;
    let step = kwargs.get::<i64>("step_by")?.unwrap_or(1);
    if step == 0 {
        return Err(Error::message("the `step_by` of `range` must not be 0"));
    }
    if start > end && step > 0 {
        return Err(Error::message("the `start` of `range` must not be greater than its `end`"));
    }
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    let span = if step > 0 { end - start } else { start - end };
    let length = (span.max(0) + step.abs() - 1) / step.abs();
    if length > i128::from(meter.limit) {
        return meter.exceed();
    }
    // What lies between two numbers is one, too.
    Ok((0..length).filter_map(|i| i64::try_from(start + i * step).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

    fn compiles(body: &str) -> bool {
        Tera::new().add_raw_template("t", &format!("{SVG}{body}")).is_ok()
    }

    /// How many of something the engine has by itself.
    fn registered(what: &str) -> usize {
        let engine = format!("{:?}", Tera::new());
        let (_, rest) = engine.split_once(&format!("{what}: ")).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    /// All that the engine brings was looked at: what is on no list would show in the numbers.
    #[test]
    fn everything_that_the_engine_brings_is_decided() {
        let refused = REFUSED_FILTERS.iter().map(|(name, _)| name);
        let filters: Vec<_> = FILTERS.iter().chain(refused).collect();
        for name in &filters {
            assert!(compiles(&format!("{{{{ 1 | {name} }}}}")), "there is no filter {name}");
        }
        assert_eq!(filters.len(), registered("filters"));
        for name in TESTS {
            assert!(compiles(&format!("{{{{ 1 is {name} }}}}")), "there is no test {name}");
        }
        assert_eq!(TESTS.len(), registered("tests"));
        let own = ["now"];
        let functions: Vec<_> = FUNCTIONS.iter().filter(|name| !own.contains(name)).collect();
        for name in &functions {
            assert!(compiles(&format!("{{{{ {name}() }}}}")), "there is no function {name}");
        }
        assert_eq!(functions.len(), registered("functions"));
    }

    /// The names in the first column of the tables under a heading.
    fn documented(heading: &str) -> Vec<String> {
        let document = include_str!("../../../../docs/templates.md");
        let (_, rest) = document.split_once(&format!("\n## {heading}\n")).unwrap();
        let section = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        rows.map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn the_document_has_the_same_list() {
        assert_eq!(documented("Filters"), FILTERS);
        assert_eq!(documented("Tests"), TESTS);
        assert_eq!(documented("Functions"), FUNCTIONS);
        let refused: Vec<_> = REFUSED_FILTERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(documented("What is not there"), refused);
    }
}
