//! Where a database is.

use std::{
    fmt,
    path::{Path, PathBuf, absolute},
    str::FromStr,
    sync::Arc,
};

use sqlx::postgres::PgConnectOptions;

/// `sqlite://` and a path, or `postgres://` and a server. Shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(Arc<Place>, String);

#[derive(Debug)]
pub(super) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// Why a text is not the URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Another scheme, or none.
    #[error("must begin with sqlite:// or postgres://")]
    Scheme,
    /// No file.
    #[error(
        "must name a file, such as sqlite://data/accounts.db or sqlite:///var/lib/easel/accounts.db"
    )]
    File,
    /// No server.
    #[error("must name a server and a database, such as postgres://user:password@host/easel")]
    Server,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            // Of memory nothing would survive, and each connection would have its own.
            if path.is_empty() || path.contains(":memory:") || path.contains('?') {
                return Err(InvalidDatabaseUrl::File);
            }
            return Ok(Self(Arc::new(Place::Sqlite(path.into())), text.to_owned()));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl::Scheme);
        }
        let invalid = InvalidDatabaseUrl::Server;
        let mut url = url::Url::parse(text).map_err(|_| invalid.clone())?;
        let options: PgConnectOptions = text.parse().map_err(|_| invalid.clone())?;
        // The library would take what is missing from the environment, or make it up.
        let says = |names: &[&str]| url.query_pairs().any(|(key, _)| names.contains(&&*key));
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        let has_database = !url.path().trim_matches('/').is_empty();
        if !(has_host || says(&["host", "hostaddr"])) || !(has_database || says(&["dbname"])) {
            return Err(invalid);
        }
        if url.password().is_some() {
            url.set_password(Some("***")).map_err(|()| invalid)?;
        }
        url.set_query(None);
        Ok(Self(Arc::new(Place::Postgres(Box::new(options))), url.to_string()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.1).finish()
    }
}

impl DatabaseUrl {
    pub(super) fn place(&self) -> &Place {
        &self.0
    }

    /// Whether it is this file.
    pub fn is_file(&self, file: &Path) -> bool {
        let Place::Sqlite(own) = &*self.0 else { return false };
        matches!((absolute(own), absolute(file)), (Ok(own), Ok(file)) if own == file)
    }

    /// Whether many nodes can share it.
    pub fn is_shared(&self) -> bool {
        matches!(*self.0, Place::Postgres(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_however_it_is_named() {
        let here = std::env::current_dir().unwrap();
        let url: DatabaseUrl = "sqlite://data/easel.db".parse().unwrap();
        for file in ["data/easel.db", "./data/easel.db"] {
            assert!(url.is_file(Path::new(file)), "{file}");
            assert!(url.is_file(&here.join(file)), "{file}");
        }
        assert!(!url.is_file(Path::new("data/accounts.db")));
        let url: DatabaseUrl = "postgres://db.example/accounts".parse().unwrap();
        assert!(!url.is_file(Path::new("accounts")));
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: DatabaseUrl =
            "postgres://easel:s3cret@db.example/accounts?sslmode=require".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://easel:***@db.example/accounts");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert!(url.is_shared());
        let url: DatabaseUrl =
            "postgres:///accounts?host=/run/postgresql&password=s3cret".parse().unwrap();
        assert_eq!(url.to_string(), "postgres:///accounts");
        assert!(!format!("{url:?}").contains("s3cret"));
        let url: DatabaseUrl = "sqlite://data/accounts.db".parse().unwrap();
        assert_eq!(
            (url.to_string().as_str(), url.is_shared()),
            ("sqlite://data/accounts.db", false)
        );
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for (text, fault) in [
            ("", InvalidDatabaseUrl::Scheme),
            ("mysql://host/easel", InvalidDatabaseUrl::Scheme),
            ("sqlite://", InvalidDatabaseUrl::File),
            ("sqlite://:memory:", InvalidDatabaseUrl::File),
            ("sqlite://a.db?mode=ro", InvalidDatabaseUrl::File),
            ("postgres://", InvalidDatabaseUrl::Server),
            ("postgres://host", InvalidDatabaseUrl::Server),
            ("postgres://host/", InvalidDatabaseUrl::Server),
            ("postgres:///easel", InvalidDatabaseUrl::Server),
        ] {
            let refused = text.parse::<DatabaseUrl>();
            assert_eq!(refused.unwrap_err(), fault, "{text}");
        }
    }
}
