use super::*;
use crate::render::language::{Meter, callers_engine, counting_engine};
use proptest::prelude::*;
use tera::{Context, Tera};
use time::OffsetDateTime;

fn metered(source: &str) -> String {
    let reading = Reading::of(source).unwrap();
    let text = reading.metered().map_or(source.to_owned(), |metered| metered.source);
    text.replace(COUNT_TURN, "T").replace(COUNT_ELEMENT, "E")
}

#[test]
fn everything_that_is_repeated_counts() {
    for (source, counting) in [
        ("{% for a in b %}x{% endfor %}", "{% for a in b %}{{ T() }}x{% endfor %}"),
        ("{%- for a in b -%} x", "{%- for a in b  %}{{ T() -}} x"),
        ("{% component A(b) %}x", "{% component A(b) %}{{ T() }}x"),
        ("{{ [a for a in b] }}", "{{ [a for a in b if E()] }}"),
        ("{{ [a for a in b if a] }}", "{{ [a for a in b if E() and a] }}"),
        ("{{ [a if a else b for a in c] }}", "{{ [a if a else b for a in c if E()] }}"),
        ("{{ [[a for a in b] for b in c] }}", "{{ [[a for a in b if E()] for b in c if E()] }}"),
        (
            "{{ [a for a in (b if c else d) if a] }}",
            "{{ [a for a in (b if c else d) if E() and a] }}",
        ),
        ("{{ [<C a={1} b /> for a in b] }}", "{{ [<C a={1} b /> for a in b if E()] }}"),
        ("{{ [for for for in for if if] }}", "{{ [for for for in for if E() and if] }}"),
        ("{{ [a.for for a in b] }}", "{{ [a.for for a in b if E()] }}"),
        ("{% set a = [b | f(x=1) for b in c] %}", "{% set a = [b | f(x=1) for b in c if E()] %}"),
        ("{% if a[b] in [1 for b in a] %}", "{% if a[b] in [1 for b in a if E()] %}"),
    ] {
        assert_eq!(metered(source), counting, "{source}");
    }
}

#[test]
fn nothing_else_does() {
    for source in [
        "{{ a }}",
        "{# {% for a in b %} #}",
        "{% raw %}{% for a in b %}{% endraw %}",
        "{{ '[a for a in b]' }}",
        "{{ [for, if] }}",
        "{{ a[1:2] if b else [c, d] }}",
        "{{ f(for=1) }}",
        "{% <C for=\"a\" if={b}> %}{% </C> %}",
    ] {
        assert_eq!(metered(source), source);
    }
}

#[test]
fn names_are_known_from_words() {
    let source = "{{ a | upper | f(x=g(y=1)) }}{% filter h(z=[1]) %}{% if not (a is odd) and b \
                  is not even(x=1) or (c) in (d) %}{% set x | i %}{{ range(end=3).not | not }}\
                  {{ <C(a) /> }}{% elif (x) %}{{ - k() }}{% component M(a) %}";
    let mut uses = Reading::of(source).unwrap().uses;
    uses.sort();
    let of = |wanted: Use| -> Vec<&str> {
        uses.iter().filter(|(what, ..)| *what == wanted).map(|(_, name, _)| *name).collect()
    };
    assert_eq!(of(Use::Filter), ["f", "h", "i", "not", "upper"]);
    assert_eq!(of(Use::Test), ["even", "odd"]);
    assert_eq!(of(Use::Function), ["g", "k", "range"]);
}

#[test]
fn places_lead_back_to_the_callers_own_source() {
    let source = "ä{% for a in [b for b in c] -%} {{ d }}\n{{ e }}{% for f in g %}{{ h }}";
    let metered = Reading::of(source).unwrap().metered().unwrap();
    for wanted in ["ä", "for a", "[b", "{{ d", "d }}", "{{ e", "g %}", "{{ h", "h }}"] {
        let there = position(&metered.source, metered.source.find(wanted).unwrap());
        let here = position(source, source.find(wanted).unwrap());
        assert_eq!(metered.original(there), here, "{wanted}");
    }
}

/// An expression of the language; what it needs is in [`context`].
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("n"),
        Just("s"),
        Just("l"),
        Just("m"),
        Just("for"),
        Just("1.5"),
        Just("true"),
        Just("'}}%}`'"),
        Just("\"a'b\""),
        Just("`{{`"),
        Just("[]"),
        Just("{}"),
        Just("m.for"),
        Just("l[0]"),
        Just("l[1:]"),
        Just("m?.nope"),
        Just("range(end=3)"),
        Just("-1"),
        Just("{'for': 1, 'if': [2]}"),
        Just("none"),
    ];
    leaf.prop_map(str::to_owned).prop_recursive(3, 24, 3, |inside| {
        let pair = (inside.clone(), inside.clone());
        prop_oneof![
            (
                pair.clone(),
                prop_oneof![
                    Just("~"),
                    Just("and"),
                    Just("or"),
                    Just("=="),
                    Just("in"),
                    Just("not in"),
                    Just("<"),
                    Just("+"),
                    Just("-"),
                    Just("//"),
                ]
            )
                .prop_map(|((a, b), joint)| format!("{a} {joint} {b}")),
            (pair.clone(), inside.clone()).prop_map(|((a, b), c)| format!("{a} if {b} else {c}")),
            pair.clone().prop_map(|(a, b)| format!("[{a} for x in {b}]")),
            (pair.clone(), inside.clone())
                .prop_map(|((a, b), c)| format!("[{a} for k, x in {b} if {c}]")),
            (pair.clone(), inside.clone())
                .prop_map(|((a, b), c)| format!("[{a} for if in {b} if {c}]")),
            pair.clone().prop_map(|(a, b)| format!("[{a}, ...{b}]")),
            pair.prop_map(|(a, b)| format!("<C a={{{a}}} b={{{b}}} />")),
            inside.clone().prop_map(|a| format!("({a})")),
            inside.clone().prop_map(|a| format!("not {a}")),
            inside.clone().prop_map(|a| format!("{a} | str | upper")),
            inside.clone().prop_map(|a| format!("{a} is not defined")),
            inside.prop_map(|a| format!("{{'a': {a}}}")),
        ]
    })
}

/// What stands at the ends of a tag.
fn dashes() -> impl Strategy<Value = (&'static str, &'static str)> {
    let dash = || prop_oneof![Just(""), Just("-")];
    (dash(), dash())
}

/// A template: text, and tags in each other.
fn template() -> impl Strategy<Value = String> {
    let text = || {
        prop_oneof![
            Just(" a\n "),
            Just("<\u{e4}/>"),
            Just("{ %} }}"),
            Just("\n\n"),
            Just(""),
            Just("{# {% for a in b %} -#}"),
            Just("{%- raw -%} {{ {% for %} {%- endraw %}"),
            Just(" "),
        ]
    };
    let print = (dashes(), expression()).prop_map(|((l, r), e)| format!("{{{{{l} {e} {r}}}}}"));
    let leaf = prop_oneof![text().prop_map(str::to_owned), print];
    leaf.prop_recursive(4, 32, 4, move |inside| {
        let tagged = |open: String, inside: String, close: &str, [a, b]: [(&str, &str); 2]| {
            let ((a, b), (c, d)) = (a, b);
            format!("{{%{a} {open} {b}%}}{inside}{{%{c} {close} {d}%}}")
        };
        let two = || [dashes(), dashes()];
        prop_oneof![
            prop::collection::vec(inside.clone(), 1..5).prop_map(|parts| parts.concat()),
            (expression(), inside.clone(), two()).prop_map(move |(e, i, d)| tagged(
                format!("for x in {e}"),
                i,
                "endfor",
                d
            )),
            (expression(), inside.clone(), two()).prop_map(move |(e, i, d)| tagged(
                format!("for k, for in {e}"),
                i,
                "endfor",
                d
            )),
            (expression(), inside.clone(), inside.clone(), two(), dashes()).prop_map(
                move |(e, i, j, d, (a, b))| {
                    let inside = format!("{i}{{%{a} else {b}%}}{j}{{% continue %}}");
                    tagged(format!("for x in {e}"), inside, "endfor", d)
                }
            ),
            (expression(), inside.clone(), two()).prop_map(move |(e, i, d)| tagged(
                format!("if {e}"),
                i,
                "endif",
                d
            )),
            (expression(), inside.clone())
                .prop_map(|(e, i)| format!("{{% set_global s = {e} %}}{i}{{{{ s }}}}")),
            (inside.clone(), two()).prop_map(move |(i, d)| tagged(
                "filter upper".to_owned(),
                i,
                "endfilter",
                d
            )),
            (inside.clone(), two()).prop_map(move |(i, d)| tagged(
                "<C a='for' b={l}>".to_owned(),
                i,
                "</C>",
                d
            )),
            (inside, two()).prop_map(move |(i, d)| tagged("set s".to_owned(), i, "endset", d)),
        ]
    })
}

fn context() -> Context {
    let args = serde_json::json!({
        "n": 3, "s": "a\u{e4}<b", "l": [1, "b", [2]], "m": { "for": 1, "k": "v" }, "for": [7, 8],
        "if": "if", "x": "outside", "k": 0,
    });
    Context::from_serialize(&args).unwrap()
}

/// What a template prints; an error as its words without the place.
fn printed(tera: &Tera, source: &str) -> Result<String, String> {
    let mut tera = tera.clone();
    tera.add_raw_template("t", source).map_err(|error| format!("does not compile: {error}"))?;
    tera.render("t", &context()).map_err(|error| match error.kind() {
        tera::ErrorKind::RenderingError(report) => report.message().to_owned(),
        _ => error.to_string(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 20_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn counting_changes_nothing_that_is_printed(body in template(), inside in template()) {
        let meter = Meter::new(1_000_000);
        meter.begin(OffsetDateTime::UNIX_EPOCH);
        let callers = callers_engine(&meter);
        let counting = counting_engine(&callers, &meter);
        let inside = inside.replace("<C ", "<D ").replace("</C>", "</D>");
        let source = format!(
            "{{% component C(a=1, b=2, ...rest) -%}} {{{{ a }}}}{inside}{{%- endcomponent C %}}\
             {{% component D(a=1, b=2) %}}{{{{ b }}}}{{% endcomponent D %}}{body}"
        );
        let plain = printed(&callers, &source);
        // What does not compile is never made to count.
        prop_assume!(!plain.as_ref().is_err_and(|error| error.starts_with("does not compile")));
        let reading = Reading::of(&source).expect("a source that compiles can be read");
        let metered = reading.metered().expect("a component counts");
        prop_assert_eq!(printed(&counting, &metered.source), plain, "{}", metered.source);
    }
}
