//! Makes sure that a page which is built after the server is still built into it: the folder
//! exists from the first build on, and cargo watches it.

fn main() -> std::io::Result<()> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/dist");
    std::fs::create_dir_all(page)?;
    println!("cargo:rerun-if-changed={page}");
    println!("cargo:rerun-if-changed=../../templates/svg");
    println!("cargo:rerun-if-changed=src/store/migrations");
    Ok(())
}
