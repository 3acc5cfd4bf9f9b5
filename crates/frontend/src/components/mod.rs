//! Parts that pages are made of. They show and they ask; none of them talks to the server.

mod code_field;
mod confirm;
mod copy_button;
mod download;
mod field;
mod language;
mod link;
mod moment;
mod picture;
mod snippets;
mod visibility;

pub(crate) use code_field::CodeField;
pub(crate) use confirm::{Confirm, ConfirmDelete, Modal};
pub(crate) use copy_button::CopyButton;
pub(crate) use download::save_as;
pub(crate) use field::{Field, PasswordField, Problem};
pub(crate) use language::LanguageChoice;
pub(crate) use link::Link;
pub(crate) use moment::Moment;
pub(crate) use picture::{LivePicture, StillPicture};
pub(crate) use snippets::{Copyable, Snippets};
pub(crate) use visibility::VisibilityChoice;
