//! From one built wasm file to the files a browser loads: glue code, names that change
//! with the content (so that they may be cached for ever), and smaller copies of each.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::step::Failure;

/// Brotli's levels end at 11, which takes ten times as long and makes a tenth less.
const BROTLI_QUALITY: i32 = 9;
/// Brotli's largest ordinary window, 4 MiB: more than the page has bytes.
const BROTLI_WINDOW: i32 = 22;

/// What wasm-bindgen makes of the compiler's output.
pub(crate) struct Glue {
    /// The wasm module, without names and with its imports in place.
    pub(crate) wasm: Vec<u8>,
    /// The ES module that loads it.
    pub(crate) js: String,
}

/// Runs wasm-bindgen for browsers that load ES modules.
pub(crate) fn bind(wasm: &Path) -> Result<Glue, Failure> {
    let unfit = |error| Failure::Unfit(format!("wasm-bindgen: {error:#}"));
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .web(true)
        .map_err(unfit)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output().map_err(unfit)?;
    if output.js().contains("/snippets/") {
        // Such files have fixed names inside the glue, so they could not be cached for ever.
        return Err(Failure::Unfit(
            "a dependency of the page brings JavaScript of its own, which is not bundled here"
                .to_owned(),
        ));
    }
    Ok(Glue { wasm: output.wasm_mut().emit_wasm(), js: output.js().to_owned() })
}

/// Writes `<stem>-<hash>.<extension>` and its compressed copies, and returns that name.
pub(crate) fn place(
    folder: &Path,
    stem: &str,
    extension: &str,
    content: &[u8],
) -> Result<String, Failure> {
    let name = format!("{stem}-{}.{extension}", fingerprint([content]));
    write(&folder.join(&name), content)?;
    Ok(name)
}

/// Writes a file, and beside it `.br` and `.gz`: the same, smaller, for servers to send.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let brotli = brotli(content).map_err(Failure::at(path))?;
    let gzip = gzip(content).map_err(Failure::at(path))?;
    fs::write(beside(".br"), brotli).map_err(Failure::at(path))?;
    fs::write(beside(".gz"), gzip).map_err(Failure::at(path))?;
    fs::write(path, content).map_err(Failure::at(path))
}

/// Sixteen hex digits that stand for this content.
pub(crate) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut small = Vec::new();
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: content.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &content[..], &mut small, &params)?;
    Ok(small)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_the_content() {
        assert_eq!(fingerprint([&b"a"[..]]), fingerprint([&b"a"[..]]));
        assert_ne!(fingerprint([&b"a"[..]]), fingerprint([&b"b"[..]]));
        assert_ne!(fingerprint([&b"ab"[..], b"c"]), fingerprint([&b"a"[..], b"bc"]));
        assert_eq!(fingerprint([&b""[..]]).len(), 16);
    }

    #[test]
    fn copies_are_smaller_and_say_the_same() {
        let text = b"the same again, ".repeat(100);
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut &brotli(&text).unwrap()[..], &mut back).unwrap();
        assert_eq!(back, text);
        let mut back = Vec::new();
        io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(&gzip(&text).unwrap()[..]),
            &mut back,
        )
        .unwrap();
        assert_eq!(back, text);
        assert!(gzip(&text).unwrap().len() < text.len() / 10);
    }
}
