//! A moment, as a clock on the wall of whoever looks at it shows it.

use leptos::prelude::*;
use time::OffsetDateTime;
use wasm_bindgen::JsValue;
use web_sys::js_sys::Date;

/// Date and time of day.
#[component]
pub(crate) fn Moment(
    /// When.
    at: OffsetDateTime,
) -> impl IntoView {
    let milliseconds = at.unix_timestamp_nanos() / 1_000_000;
    let date = Date::new(&JsValue::from_f64(milliseconds as f64));
    let local = in_words(
        [date.get_full_year(), date.get_month() + 1, date.get_date()],
        [date.get_hours(), date.get_minutes(), date.get_seconds()],
    );
    view! { <time datetime=String::from(date.to_iso_string())>{local}</time> }
}

fn in_words([year, month, day]: [u32; 3], [hour, minute, second]: [u32; 3]) -> String {
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn moments_stand_below_each_other() {
        assert_eq!(in_words([2026, 1, 9], [7, 5, 0]), "2026-01-09 07:05:00");
    }
}
