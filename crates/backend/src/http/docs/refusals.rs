//! Which errors a route can answer with. Every part of a route that may refuse says so itself,
//! in codes; a route names its parts, and its error answers follow.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use common::api::ErrorCode;
use utoipa::{
    IntoResponses,
    openapi::{
        ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder,
        schema::{AllOfBuilder, ObjectBuilder, Type},
    },
};

use crate::http::error::PROBLEM_JSON;

/// Whatever may refuse a request: an extractor, or a kind of work.
pub(in crate::http) trait Refuses {
    /// The codes of its refusals.
    fn codes() -> Vec<ErrorCode>;
}

/// Says what a type refuses: codes of its own, and all of those of the types after `and`.
macro_rules! refuses {
    ($type:ty: $($code:ident),* $(; and $($part:ty),+)?) => {
        impl $crate::http::docs::Refuses for $type {
            fn codes() -> Vec<common::api::ErrorCode> {
                let own = vec![$(common::api::ErrorCode::$code),*];
                [own, $($(<$part as $crate::http::docs::Refuses>::codes()),+)?].concat()
            }
        }
    };
}
pub(in crate::http) use refuses;

/// What every route refuses that is counted, whatever it does.
pub(in crate::http) enum Counted {}
refuses!(Counted: RateLimited; and Uncounted);

/// What every other route refuses.
pub(in crate::http) enum Uncounted {}
refuses!(Uncounted: Internal);

/// Work: looking a session up.
pub(in crate::http) enum Finding {}
refuses!(Finding: SessionNotFound; and Storing);

/// Work: reading from the store, or writing to it.
pub(in crate::http) enum Storing {}
refuses!(Storing: StoreUnavailable);

/// Work: reading where a page of a list begins.
pub(in crate::http) enum Paging {}
refuses!(Paging: InvalidCursor);

/// Work: storing a drawing.
pub(in crate::http) enum Keeping {}
refuses!(Keeping: QuotaExceeded; and Storing);

/// Work: naming something in the body.
pub(in crate::http) enum Naming {}
refuses!(Naming: InvalidId);

/// Work: making a picture of a template.
pub(in crate::http) enum Drawing {}
refuses!(Drawing: TemplateInvalid, RenderFailed, NotSvg, RenderLimit, RenderUnavailable);

macro_rules! together {
    ($($part:ident),*) => {
        impl<$($part: Refuses),*> Refuses for ($($part,)*) {
            fn codes() -> Vec<ErrorCode> {
                [Vec::new(), $($part::codes()),*].concat()
            }
        }
    };
}
together!();
together!(A);
together!(A, B);
together!(A, B, C);
together!(A, B, C, D);
together!(A, B, C, D, E);
together!(A, B, C, D, E, F);

/// The error answers of a route that is made of these parts, for its `responses(…)`.
pub(in crate::http) struct Refusals<R, All = Counted>(PhantomData<(R, All)>);

impl<R: Refuses, All: Refuses> IntoResponses for Refusals<R, All> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status = BTreeMap::<u16, BTreeSet<&str>>::new();
        let codes = [R::codes(), All::codes()].concat();
        // In the order of the registry, each once.
        for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code)) {
            by_status.entry(code.status()).or_default().insert(code.as_str());
        }
        let answers = by_status.into_iter();
        answers.map(|(status, codes)| (status.to_string(), answer(status, &codes).into())).collect()
    }
}

fn answer(status: u16, codes: &BTreeSet<&str>) -> Response {
    let titles = ErrorCode::ALL.iter().filter(|code| codes.contains(code.as_str()));
    let titles: Vec<_> = titles.map(|code| code.title()).collect();
    let one_of = |kind| ObjectBuilder::new().schema_type(kind);
    let codes_of_this = ObjectBuilder::new()
        .property("code", one_of(Type::String).enum_values(Some(codes.iter().copied())))
        .property("status", one_of(Type::Integer).enum_values(Some([status])));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(codes_of_this);
    let examples = codes.iter().map(|code| (*code, example(code)));
    let content = ContentBuilder::new()
        .schema(Some(schema))
        .examples_from_iter(examples.map(|(code, example)| (code.to_owned(), example)))
        .build();
    let mut answer =
        ResponseBuilder::new().description(titles.join(". ")).content(PROBLEM_JSON, content);
    for name in headers(status, codes) {
        answer = answer.header(*name, Header::default());
    }
    answer.build()
}

fn example(code: &str) -> RefOr<utoipa::openapi::example::Example> {
    RefOr::Ref(Ref::new(format!("#/components/examples/{code}")))
}

/// The headers that go with every error of a status. What they mean stands in
/// [`super::HEADERS`].
fn headers(status: u16, codes: &BTreeSet<&str>) -> &'static [&'static str] {
    match status {
        // No token would help a page of a site that is not named, or under another name.
        403 if codes.iter().any(|code| *code != ErrorCode::Forbidden.as_str()) => &[],
        401 | 403 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    }
}
