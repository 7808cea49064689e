//! The keys of a standalone installation: made once, kept beside its data, readable by its user alone.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use channel_auth::{JwtIssuer, SessionKeys};
use chat_service::config::AuthConfig;

/// Fills in the keys that the environment does not set.
pub(crate) fn complete(auth: &mut AuthConfig, data: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make the folder {}", data.display()))?;
    if auth.jwt_private_key.is_none() && auth.jwt_private_key_file.is_none() {
        let pem = kept(&data.join("jwt-private-key.pem"), || JwtIssuer::generate().1)?;
        auth.jwt_private_key = Some(pem.into());
    }
    if auth.session_keys.is_none() && auth.session_keys_file.is_none() {
        let keys = kept(&data.join("session-keys"), || SessionKeys::generate().1)?;
        auth.session_keys = Some(keys.into());
    }
    Ok(())
}

/// The file's text; if there is no file, it is made with a new text. Two starts at once agree on one text.
fn kept(path: &Path, make: impl Fn() -> String) -> anyhow::Result<String> {
    let make_file = || -> std::io::Result<()> {
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(make().as_bytes())?;
        file.sync_all()?;
        // A link never replaces a file that another start has made meanwhile.
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        linked
    };
    match fs::read_to_string(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => match make_file() {
            Err(why) if why.kind() != ErrorKind::AlreadyExists => Err(why),
            _ => fs::read_to_string(path),
        },
        read => read,
    }
    .with_context(|| format!("cannot keep a key in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_user_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert_eq!(kept(&path, || "first".to_owned()).expect("made"), "first");
        assert_eq!(kept(&path, || "second".to_owned()).expect("kept"), "first");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
