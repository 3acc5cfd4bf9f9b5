//! What makes the repetition of a request known as one: its Idempotency-Key.

use leptos::prelude::*;
use serde::Serialize;

use crate::random;

/// The attempts to send what is in one form.
#[derive(Clone, Copy)]
pub(crate) struct Attempts(StoredValue<Option<Attempt>>);

/// Without `Debug`: there may be a password in it.
struct Attempt {
    content: String,
    key: String,
}

impl Attempts {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(StoredValue::new(None))
    }

    /// The key of this attempt: that of the last one, as long as it sends the same.
    pub(crate) fn key_for(self, content: &impl Serialize) -> String {
        let content = serde_json::to_string(content).unwrap_or_default();
        let key = self.0.try_update_value(|last| again(last, content, random::name));
        key.unwrap_or_else(random::name)
    }

    /// It was done: what comes next is another thing, even if it is the same.
    pub(crate) fn done(self) {
        self.0.set_value(None);
    }
}

fn again(last: &mut Option<Attempt>, content: String, new: impl FnOnce() -> String) -> String {
    match last {
        Some(last) if last.content == content => last.key.clone(),
        _ => last.insert(Attempt { content, key: new() }).key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn the_same_content_has_the_same_key_until_it_changes() {
        let mut last = None;
        let mut names = (1..).map(|n| format!("name {n}"));
        let mut key =
            |content: &str| again(&mut last, content.to_owned(), || names.next().unwrap());
        assert_eq!(key("a"), "name 1");
        assert_eq!(key("a"), "name 1");
        assert_eq!(key("b"), "name 2");
        assert_eq!(key("a"), "name 3", "it was sent with other content in between");
    }
}
