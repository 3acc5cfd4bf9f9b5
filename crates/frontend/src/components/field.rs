//! Fields of forms: a label, what to know before filling it in, and what is wrong with it.

use leptos::prelude::*;

/// A field for a line of text.
#[component]
pub(crate) fn Field(
    /// The id of the field, and its name for password managers.
    id: &'static str,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What is in it.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(optional, into)]
    fault: Signal<Option<String>>,
    /// What a browser may fill it with.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// What kind of text it is.
    #[prop(default = "text")]
    kind: &'static str,
    /// What to know before filling it in.
    #[prop(optional, into)]
    hint: Option<String>,
    /// How it looks.
    #[prop(optional)]
    class: &'static str,
    /// Whether it may be left empty.
    #[prop(optional)]
    optional: bool,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <Input id value fault autocomplete kind=kind class optional hinted=hint.is_some() />
            <Notes id hint fault />
        </div>
    }
}

/// A field for a password, which can be looked at.
#[component]
pub(crate) fn PasswordField(
    /// The id of the field, and its name for password managers.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// What is in it.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(optional, into)]
    fault: Signal<Option<String>>,
    /// Whether a browser fills in the one that it knows, or makes a new one.
    #[prop(default = "current-password")]
    autocomplete: &'static str,
    /// What to know before filling it in.
    #[prop(optional, into)]
    hint: Option<String>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let kind = Signal::derive(move || if shown.get() { "text" } else { "password" });
    view! {
        <div class="field">
            <div class="label-and-more">
                <label for=id>{label}</label>
                <button
                    type="button"
                    class="link"
                    aria-controls=id
                    aria-pressed=move || shown.get().to_string()
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    "Show"
                    <span class="unseen">" the password"</span>
                </button>
            </div>
            <Input
                id
                value
                fault
                autocomplete
                kind
                class=""
                optional=false
                hinted=hint.is_some()
            />
            <Notes id hint fault />
        </div>
    }
}

#[component]
fn Input(
    id: &'static str,
    value: RwSignal<String>,
    fault: Signal<Option<String>>,
    autocomplete: &'static str,
    #[prop(into)] kind: Signal<&'static str>,
    class: &'static str,
    optional: bool,
    hinted: bool,
) -> impl IntoView {
    let described = match hinted {
        true => format!("{id}-hint {id}-problem"),
        false => format!("{id}-problem"),
    };
    view! {
        <input
            id=id
            name=id
            class=class
            type=kind
            autocomplete=autocomplete
            autocapitalize="off"
            spellcheck="false"
            required=!optional
            aria-describedby=described
            aria-invalid=move || fault.with(Option::is_some).then_some("true")
            prop:value=value
            on:input:target=move |event| value.set(event.target().value())
        />
    }
}

#[component]
fn Notes(id: &'static str, hint: Option<String>, fault: Signal<Option<String>>) -> impl IntoView {
    view! {
        {hint.map(|hint| view! { <p id=format!("{id}-hint") class="hint">{hint}</p> })}
        <div id=format!("{id}-problem") class="problem">
            {move || fault.get().map(|text| view! { <p>{text}</p> })}
        </div>
    }
}

/// What is wrong with no field in particular, said at once.
#[component]
pub(crate) fn Problem(
    /// The id of the text.
    #[prop(default = "problem")]
    id: &'static str,
    /// What is wrong.
    #[prop(into)]
    text: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <div id=id class="problem" role="alert">
            {move || text.get().map(|text| view! { <p>{text}</p> })}
        </div>
    }
}
