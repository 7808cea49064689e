//! Writes the list of the files in `clients/dist`, which rustc then embeds.
//!
//! Where the clients are not built the folder is made, empty: cargo sees a file that appears in a folder, but takes a path
//! that is not there for changed at every build. So it does with what is newer than the start of this script.
//!
//! `CLIENTS_LOCK` names a file that is locked while the clients are being built beside cargo, as in a first `make run`.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

/// The ends of the names of compressed twins, and the fields of `File` that hold them.
const TWINS: [(&str, &str); 2] = [("br", "brotli"), ("gz", "gzip")];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../clients/dist");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", root.display());
    if let Ok(lock) = env::var("CLIENTS_LOCK") {
        fs::File::open(lock)?.lock_shared()?;
    }
    if !root.is_dir()
        && let Err(why) = make_old(&root)
    {
        println!("cargo:warning=clients/dist cannot be made, so it is looked for at each build: {why}");
    }
    let root = root.canonicalize().unwrap_or(root);
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, &mut files)?;
    }
    files.sort();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("files.rs"), list(&root, &files)?)?;
    Ok(())
}

/// Makes an empty folder that seems to be of an hour ago.
fn make_old(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::File::open(folder)?.set_modified(SystemTime::now() - Duration::from_secs(3600))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// An array of `File`, as Rust's text.
fn list(root: &Path, files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("&[\n");
    for file in files.iter().filter(|file| !is_twin(file, files)) {
        let path = file.strip_prefix(root)?.to_str().ok_or("a name that is not UTF-8")?;
        write!(text, "    File {{ path: {path:?}, plain: include_bytes!({file:?})")?;
        for (end, field) in TWINS {
            let twin = with_end(file, end);
            match files.contains(&twin) {
                true => write!(text, ", {field}: Some(include_bytes!({twin:?}))")?,
                false => write!(text, ", {field}: None")?,
            }
        }
        text.push_str(" },\n");
    }
    text.push_str("]\n");
    Ok(text)
}

/// Whether a file is a compressed form of another.
fn is_twin(file: &Path, files: &[PathBuf]) -> bool {
    let compressed = file.extension().is_some_and(|end| TWINS.iter().any(|(twin, _)| end == *twin));
    compressed && files.contains(&file.with_extension(""))
}

fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}
