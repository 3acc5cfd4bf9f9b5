//! What must hold for whatever strangers send. Each function takes bytes as they come, has our
//! code look at them, and panics when what comes out is not as it must be. How that is judged
//! shares nothing with how our code works.
//!
//! The fuzzers in `fuzz/` call these functions with what they make up; the test `replay` calls
//! them with every input that was worth keeping.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a judge who finds something says so as loudly as it gets"
)]

mod css;
mod html;
mod names;
mod picture;
mod stream;
mod template;
mod token;
mod url;
mod xml;

pub use self::{names::names, picture::picture, stream::stream, template::template, token::token};

/// Judges an input.
pub type Judgement = fn(&[u8]);

/// Every judgement by its name, which is also that of its fuzzer and of the folder with its
/// inputs.
pub const JUDGEMENTS: &[(&str, Judgement)] = &[
    ("names", names),
    ("picture", picture),
    ("stream", stream),
    ("template", template),
    ("token", token),
];
