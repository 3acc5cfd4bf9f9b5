//! Parts that pages are made of. They show and they ask; none of them talks to the server.

mod code_field;
mod confirm;
mod copy_button;
mod link;
mod picture;
mod snippets;
mod visibility;

pub(crate) use code_field::CodeField;
pub(crate) use confirm::ConfirmDelete;
pub(crate) use copy_button::CopyButton;
pub(crate) use link::Link;
pub(crate) use picture::{LivePicture, StillPicture};
pub(crate) use snippets::Snippets;
pub(crate) use visibility::VisibilityChoice;
