//! Builds the page: compile, bind, name, compress, and put in `crates/frontend/dist`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::{
    press::{self, fingerprint},
    say,
    step::{Failure, build as build_step, cargo, root},
    tools,
};

const TARGET: &str = "wasm32-unknown-unknown";

/// The files beside the program that make up the page, as they stand in `crates/frontend`.
struct Sources {
    index: String,
    boot: String,
    style: Vec<u8>,
    icon: Vec<u8>,
}

/// What the last run made, and of what: a run that would make the same does nothing.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Stamp {
    inputs: String,
    index: String,
    assets: Vec<String>,
}

/// Brings `crates/frontend/dist` up to date.
pub(crate) fn build() -> Result<(), Failure> {
    tools::wasm_target(TARGET)?;
    let wasm = compile()?;
    let crate_folder = root().join("crates/frontend");
    let sources = Sources::read(&crate_folder)?;
    let dist = crate_folder.join("dist");
    let stamp_file = wasm.with_extension("stamp");
    let inputs = sources.fingerprint(&wasm)?;

    if fs::read(&stamp_file)
        .ok()
        .and_then(|json| serde_json::from_slice::<Stamp>(&json).ok())
        .is_some_and(|stamp| stamp.inputs == inputs && stamp.still_stands(&dist))
    {
        say("Fresh", "the page");
        return Ok(());
    }

    let stamp = write(&dist, &wasm, &sources, inputs)?;
    let json = serde_json::to_vec(&stamp)
        .map_err(|error| Failure::Unfit(format!("the stamp cannot be written: {error}")))?;
    fs::write(&stamp_file, json).map_err(Failure::at(&stamp_file))
}

fn compile() -> Result<PathBuf, Failure> {
    build_step(
        cargo().args(["build", "--package", "frontend", "--profile", "page", "--target", TARGET]),
        |file| file.ends_with("frontend.wasm"),
    )
}

/// Writes everything anew. The index comes last and old assets go after it, so that a
/// server that reads the folder meanwhile always finds what its index names.
fn write(dist: &Path, wasm: &Path, sources: &Sources, inputs: String) -> Result<Stamp, Failure> {
    let folder = dist.join("assets");
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;

    let glue = press::bind(wasm)?;
    let wasm = press::place(&folder, "easel", "wasm", &glue.wasm)?;
    let js = press::place(&folder, "easel", "js", glue.js.as_bytes())?;
    let boot = fill(&sources.boot, &[("easel.js", &js), ("easel.wasm", &wasm)])?;
    let boot = press::place(&folder, "boot", "js", boot.as_bytes())?;
    let style = press::place(&folder, "style", "css", &sources.style)?;
    let icon = press::place(&folder, "icon", "svg", &sources.icon)?;
    let index = fill(
        &sources.index,
        &[
            ("boot.js", &boot),
            ("easel.js", &js),
            ("easel.wasm", &wasm),
            ("style.css", &style),
            ("icon.svg", &icon),
        ],
    )?;
    press::write(&dist.join("index.html"), index.as_bytes())?;

    let assets = vec![wasm, js, boot, style, icon];
    sweep(&folder, &assets)?;
    report(&folder, &assets);
    Ok(Stamp { inputs, index: fingerprint([index.as_bytes()]), assets })
}

/// Puts `/assets/<name with hash>` where a source says `{{ name }}`.
fn fill(source: &str, names: &[(&str, &str)]) -> Result<String, Failure> {
    let filled = names.iter().fold(source.to_owned(), |text, (plain, hashed)| {
        text.replace(&format!("{{{{ {plain} }}}}"), &format!("/assets/{hashed}"))
    });
    match filled.contains("{{") {
        true => {
            Err(Failure::Unfit("a `{{ name }}` in the page's sources names no asset".to_owned()))
        }
        false => Ok(filled),
    }
}

/// Removes what earlier runs left in `folder`.
fn sweep(folder: &Path, keep: &[String]) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::at(folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = name.trim_end_matches(".br").trim_end_matches(".gz");
        if !keep.iter().any(|kept| kept == plain) {
            fs::remove_file(entry.path()).map_err(Failure::at(&entry.path()))?;
        }
    }
    Ok(())
}

fn report(folder: &Path, assets: &[String]) {
    for name in assets {
        let kilobytes = |suffix: &str| {
            let file = folder.join(format!("{name}{suffix}"));
            fs::metadata(file).map_or(0.0, |data| data.len() as f64 / 1000.0)
        };
        let (raw, gzip, brotli) = (kilobytes(""), kilobytes(".gz"), kilobytes(".br"));
        say("Wrote", format_args!("{name} ({raw:.1} kB, gzip {gzip:.1}, brotli {brotli:.1})"));
    }
}

impl Sources {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let bytes = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(Failure::at(&path))
        };
        let text = |name: &str| bytes(name).map(|raw| String::from_utf8_lossy(&raw).into_owned());
        Ok(Self {
            index: text("index.html")?,
            boot: text("boot.js")?,
            style: bytes("style.css")?,
            icon: bytes("icon.svg")?,
        })
    }

    /// Stands for all that the page is made of: these files, the program, and this tool.
    fn fingerprint(&self, wasm: &Path) -> Result<String, Failure> {
        let program = fs::read(wasm).map_err(Failure::at(wasm))?;
        let tool = std::env::current_exe()
            .and_then(fs::metadata)
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default()
            .as_nanos()
            .to_le_bytes();
        let parts =
            [self.index.as_bytes(), self.boot.as_bytes(), &self.style, &self.icon, &program, &tool];
        Ok(fingerprint(parts))
    }
}

impl Stamp {
    /// Whether `dist` still holds what this stamp was made for.
    fn still_stands(&self, dist: &Path) -> bool {
        fs::read(dist.join("index.html")).is_ok_and(|html| fingerprint([&html[..]]) == self.index)
            && self.assets.iter().all(|name| dist.join("assets").join(name).is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in() {
        let html = "<script src=\"{{ boot.js }}\"></script>";
        assert_eq!(
            fill(html, &[("boot.js", "boot-1.js")]).unwrap(),
            "<script src=\"/assets/boot-1.js\"></script>"
        );
    }

    #[test]
    fn a_name_that_is_no_asset_is_an_error() {
        assert!(fill("{{ other.js }}", &[("boot.js", "boot-1.js")]).is_err());
    }
}
