//! Easel's workbench: sign in, make drawings, change them, watch them, in the browser.
//!
//! The page talks to the server only through [`api`] and [`live`], keeps what it must
//! remember only in [`identity`], and shows every drawing only as an image, where nothing
//! in it can run.
#![expect(unreachable_pub, reason = "`#[component]` makes the props of every component `pub`")]

mod api;
mod app;
mod attempt;
mod components;
mod device;
mod draft;
mod form;
mod identity;
mod live;
mod pages;
mod random;
mod rights;
mod route;
mod snippet;
mod wording;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
