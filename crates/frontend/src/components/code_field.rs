//! A text field for code: line numbers, and a fault shown where it is.

use leptos::{
    ev::KeyboardEvent,
    html::{Pre, Textarea},
    prelude::*,
};
use web_sys::HtmlTextAreaElement;

use crate::draft::{Fault, Place};

/// How many lines stay visible above a line that is scrolled to.
const LINES_ABOVE: usize = 3;

/// A labelled field with line numbers. Tab moves on, as in every other field; Ctrl+Enter
/// (or Cmd+Enter) applies.
#[component]
pub(crate) fn CodeField(
    /// The id of the field.
    id: &'static str,
    /// The id of the text that says what is wrong.
    problem_id: &'static str,
    /// What the field is.
    label: &'static str,
    /// How many lines are visible at first.
    rows: u32,
    /// What is in it.
    value: RwSignal<String>,
    /// What is wrong with it.
    fault: RwSignal<Option<Fault>>,
    /// Told after each change.
    on_edit: Callback<()>,
    /// Told when the change should apply at once.
    on_apply: Callback<()>,
    /// Told when the field is left.
    on_leave: Callback<()>,
) -> impl IntoView {
    let area = NodeRef::<Textarea>::new();
    let gutter = NodeRef::<Pre>::new();
    let follow_scroll = move |_| {
        if let (Some(area), Some(gutter)) = (area.get_untracked(), gutter.get_untracked()) {
            gutter.set_scroll_top(area.scroll_top());
        }
    };
    let keys = move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            on_apply.run(());
        }
    };
    let lines = Memo::new(move |_| value.with(|text| text.matches('\n').count() + 1));
    let marked = move || fault.with(|fault| fault.as_ref().and_then(|f| f.place).map(|p| p.line));
    let numbers = move || {
        let (before, mark, after) = number_lines(lines.get(), marked());
        view! {
            {before}
            {mark.map(|line| view! { <mark>{line}</mark> })}
            {after}
        }
    };
    let go = move |place: Place| {
        if let Some(area) = area.get_untracked() {
            value.with_untracked(|text| move_caret(&area, text, place));
        }
    };
    let problem = move || {
        fault.get().map(|fault| {
            view! {
                <p>{fault.message}</p>
                {fault.place.map(|place| view! {
                    <button
                        type="button"
                        class="quiet small go-to-fault"
                        on:click=move |_| go(place)
                    >
                        {format!("Go to line {}, column {}", place.line, place.column)}
                    </button>
                })}
            }
        })
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <div class="code" class:faulty=move || fault.with(Option::is_some)>
                <pre class="gutter" aria-hidden="true" node_ref=gutter>{numbers}</pre>
                <textarea
                    id=id
                    node_ref=area
                    rows=rows
                    wrap="off"
                    spellcheck="false"
                    autocapitalize="off"
                    autocomplete="off"
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    aria-describedby=problem_id
                    prop:value=value
                    on:input:target=move |event| {
                        value.set(event.target().value());
                        on_edit.run(());
                    }
                    on:keydown=keys
                    on:scroll=follow_scroll
                    on:blur=move |_| on_leave.run(())
                ></textarea>
            </div>
            <div id=problem_id class="problem">{problem}</div>
        </div>
    }
}

/// The numbers of `count` lines, one below the other, cut where `marked` stands.
fn number_lines(count: usize, marked: Option<usize>) -> (String, Option<String>, String) {
    let column = |lines: std::ops::RangeInclusive<usize>| {
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    match marked.filter(|line| (1..=count).contains(line)) {
        Some(line) => (column(1..=line - 1), Some(format!("{line}\n")), column(line + 1..=count)),
        None => (column(1..=count), None, String::new()),
    }
}

/// Puts the caret at `place` and brings it into view.
fn move_caret(area: &HtmlTextAreaElement, text: &str, place: Place) {
    let offset = u32::try_from(place.offset(text)).unwrap_or(u32::MAX);
    let _ = area.focus();
    let _ = area.set_selection_range(offset, offset);
    let lines = text.matches('\n').count() + 1;
    let line_height = f64::from(area.scroll_height()) / lines.max(1) as f64;
    let top = line_height * place.line.saturating_sub(1 + LINES_ABOVE) as f64;
    area.set_scroll_top(top as i32);
}

#[cfg(test)]
mod tests {
    use super::number_lines;

    #[test]
    fn the_marked_line_stands_apart() {
        let (before, mark, after) = number_lines(3, Some(2));
        assert_eq!((before.as_str(), mark.as_deref(), after.as_str()), ("1\n", Some("2\n"), "3\n"));
        assert_eq!(number_lines(1, Some(1)).1.as_deref(), Some("1\n"));
    }

    #[test]
    fn a_mark_outside_the_text_marks_nothing() {
        assert_eq!(number_lines(2, Some(3)), ("1\n2\n".to_owned(), None, String::new()));
        assert_eq!(number_lines(2, None), ("1\n2\n".to_owned(), None, String::new()));
    }
}
