//! The templates that come with the program.

use once_cell::sync::Lazy;

use common::api::{Args, Template};
use rust_embed::Embed;
use serde::Deserialize;

#[derive(Embed)]
#[folder = "../../templates/svg"]
struct Files;

/// What stands beside a template in `NAME.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    title: String,
    description: String,
    args: Args,
}

const TEMPLATE_SUFFIX: &str = ".svg.tera";

/// The gallery, by name.
static GALLERY: Lazy<Vec<Template>> = Lazy::new(|| {
    let mut gallery: Vec<_> =
        Files::iter().filter_map(|file| read(file.strip_suffix(TEMPLATE_SUFFIX)?)).collect();
    gallery.sort_by(|a, b| a.name.cmp(&b.name));
    gallery
});

fn read(name: &str) -> Option<Template> {
    let text = |file: String| String::from_utf8(Files::get(&file)?.data.into_owned()).ok();
    let about: About = serde_json::from_str(&text(format!("{name}.json"))?).ok()?;
    Some(Template {
        name: name.to_owned(),
        title: about.title,
        description: about.description,
        template: text(format!("{name}{TEMPLATE_SUFFIX}"))?,
        args: about.args,
    })
}

/// Every template.
pub fn all() -> &'static [Template] {
    &GALLERY
}

/// One template, by name.
pub fn get(name: &str) -> Option<&'static Template> {
    all().iter().find(|template| template.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_of_the_gallery_has_its_sample_args() {
        let files = Files::iter().filter(|file| file.ends_with(TEMPLATE_SUFFIX)).count();
        assert_eq!(all().len(), files, "a template has no readable .json beside it");
        assert!(files >= 6);
    }
}
