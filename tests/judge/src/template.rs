//! Templates with args: whatever is drawn is fit to be seen and is what the template says, and
//! whatever is wrong is told.

use backend::render::{Drawn, Engine, RenderError, picture};
use common::api::Args;
use tera::{Context, Tera};
use time::OffsetDateTime;

use crate::picture::{LIMITS, fit_to_be_seen};

/// Stands between a template and its args as JSON.
const DIVIDER: &str = "\n--- args\n";

/// Takes a template, and the args after `--- args`.
pub fn template(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (template, args) = input.split_once(DIVIDER).unwrap_or((input, "{}"));
    let args: Args = serde_json::from_str(args).unwrap_or_default();
    if template.len() > LIMITS.template_bytes {
        return;
    }
    match Engine::new(LIMITS).draw(template, &args, OffsetDateTime::UNIX_EPOCH) {
        Ok(drawn) => {
            fit_to_be_seen(&drawn.svg);
            is_what_the_template_says(&drawn, template, &args);
        }
        Err(error) => is_told(&error, template),
    }
}

/// What counts the steps of a template changes nothing of what it draws: the template engine
/// alone, which knows nothing of it, draws the same.
fn is_what_the_template_says(drawn: &Drawn, template: &str, args: &Args) {
    let mut tera = Tera::new();
    tera.autoescape_on([""]);
    // What it does not know, such as `now`, cannot be compared, nor what has no order of its own.
    if template.contains("__tera_context") || tera.add_raw_template("alone", template).is_err() {
        return;
    }
    let context = Context::from_serialize(args).expect("args that were drawn with");
    let alone = tera.render("alone", &context).unwrap_or_else(|e| panic!("{e}: {template}"));
    let alone = picture(alone.as_bytes(), &LIMITS).expect("a picture that was one");
    assert_eq!(drawn.svg, alone, "{template}");
}

/// A fault gets from the worker to the server, is short, and points into the template.
fn is_told(error: &RenderError, template: &str) {
    let sent = serde_json::to_vec(error).expect("a fault as JSON");
    let received: RenderError = serde_json::from_slice(&sent).expect("a fault from JSON");
    assert_eq!(received, *error);
    let (message, at) = match error {
        RenderError::Template { message, at } | RenderError::Render { message, at } => {
            (message, at)
        }
        // Fine as it is, and too complex when it counts: never because of how it is written.
        RenderError::Unmetered { message } => {
            assert!(
                message.contains("complex") || message.contains("nest"),
                "{message}: {template}"
            );
            return;
        }
        _ => return,
    };
    assert!(message.chars().count() <= 700, "{message}");
    if let Some(at) = at {
        assert!(at.line >= 1 && at.column >= 1, "{at:?}");
        assert!(at.line <= template.split('\n').count(), "{at:?} in {template}");
    }
}
