//! Mail that goes nowhere: into files, for whoever runs a server without a mail server.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::outbox::Failure;

/// A directory that mails are put into, readable by the server's user alone: there are tokens in
/// them.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Puts a mail into a file of this name, as a whole or not at all; says where.
    ///
    /// # Errors
    /// [`Failure::Again`] when the disk takes none.
    pub(super) async fn keep(&self, name: &str, message: Vec<u8>) -> Result<PathBuf, Failure> {
        let file = self.directory.join(name);
        let path = file.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &message)).await;
        let failed = |error: io::Error| Failure::Again(format!("no file: {}", error.kind()));
        written.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        Ok(file)
    }
}

fn write(path: &Path, message: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let unfinished = path.with_extension("part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(message)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_mail_is_a_file_that_only_the_server_reads() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::new(data.path().join("mail"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for words in ["one", "another"] {
            let path = files.keep("1-verify-a.eml", words.into()).await.unwrap();
            assert_eq!(path, data.path().join("mail/1-verify-a.eml"));
            assert_eq!(fs::read_to_string(&path).unwrap(), words);
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        assert_eq!(fs::read_dir(data.path().join("mail")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_disk_that_takes_no_mail_is_tried_again() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("mail"), "a file where a directory should be").unwrap();
        let kept = Files::new(data.path().join("mail")).keep("a.eml", b"one".into()).await;
        assert!(matches!(kept, Err(Failure::Again(_))), "{kept:?}");
    }
}
