//! What was said: settings as strings, from flags, environment and file, with where each
//! came from.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use clap::{Arg, ArgMatches, Command, Error, error::ErrorKind};
use zeroize::Zeroizing;

use super::{Setting, settings};

/// Variables that begin with `EASEL_` and are no settings of the server: the clients' own.
const OTHER_VARIABLES: &[&str] = &["EASEL_CONFIG", "EASEL_TOKEN", "EASEL_SERVER"];

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "easel.toml";

/// Where a value came from, in rising rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A key of the file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) | Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why the configuration is not valid: which key, where it was said, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No such setting.
    #[error("{from}: there is no setting `{key}`{}", .similar.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey {
        /// What was said.
        key: String,
        /// Where.
        from: String,
        /// The nearest setting.
        similar: Option<&'static str>,
    },
    /// The value makes no sense for its key.
    #[error("{key} = {value:?} (from {source_of_value}): {fix}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// What was said.
        value: String,
        /// Where.
        source_of_value: Source,
        /// What would be right.
        fix: String,
    },
    /// The file cannot be used.
    #[error("{path}: {message}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        message: String,
    },
}

/// The flags of one command line: the settings it named.
#[derive(Debug, Clone, Default)]
pub struct Flags(BTreeMap<&'static str, String>);

/// What someone is told who puts a secret on a command line.
fn secret_flag(key: &str) -> Error {
    let variable = format!("EASEL_{}", key.to_ascii_uppercase().replace('-', "_"));
    let message = format!(
        "--{key} would show the secret to everyone who can list the processes of this machine; \
         set {variable}, or `{key}` in the configuration file\n"
    );
    Error::raw(ErrorKind::UnknownArgument, message)
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in settings() {
            if setting.secret && matches.contains_id(setting.key) {
                return Err(secret_flag(setting.key));
            }
            match matches.try_get_one::<String>(setting.key) {
                Ok(Some(value)) => drop(self.0.insert(setting.key, value.clone())),
                Ok(None) => {}
                Err(error) => return Err(Error::raw(ErrorKind::InvalidValue, error)),
            }
        }
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        settings().fold(command, |command, setting| {
            let mut help = setting.help.to_owned();
            if !setting.default.is_empty() {
                help.push_str(&format!(" [default: {}]", setting.default));
            }
            let mut arg = Arg::new(setting.key)
                .long(setting.key)
                .value_name(setting.value)
                .allow_negative_numbers(true)
                .help(help)
                .help_heading("Settings")
                .hide(setting.secret);
            if setting.value == "BOOL" {
                arg = arg.num_args(0..=1).default_missing_value("true").require_equals(true);
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// All that was said, each setting from its highest source.
#[derive(Clone)]
pub struct Raw(BTreeMap<&'static str, (Zeroizing<String>, Source)>);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and sources: the values of some are secrets.
        f.debug_map().entries(self.0.iter().map(|(key, (_, source))| (key, source))).finish()
    }
}

impl Raw {
    /// Gathers flags, the environment and the file; the higher source wins.
    ///
    /// # Errors
    /// Unknown keys, and a file that cannot be read.
    pub fn gather(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self(
            settings()
                .filter(|setting| !setting.default.is_empty())
                .map(|setting| (setting.key, (setting.default.to_owned().into(), Source::Default)))
                .collect(),
        );
        match file {
            Some(path) => raw.read_file(path)?,
            None if Path::new(DEFAULT_FILE).exists() => raw.read_file(Path::new(DEFAULT_FILE))?,
            None => {}
        }
        raw.read_environment(environment)?;
        for (key, value) in &flags.0 {
            raw.0.insert(key, (value.clone().into(), Source::Flag(format!("--{key}"))));
        }
        Ok(raw)
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            let Some(name) = name.to_str().map(str::to_owned) else {
                continue;
            };
            let Some(rest) = name.strip_prefix("EASEL_") else {
                continue;
            };
            if OTHER_VARIABLES.contains(&name.as_str()) || is_injected(rest) {
                continue;
            }
            let setting = known(&rest.to_ascii_lowercase().replace('_', "-"), &name)?;
            let source = Source::Environment(name);
            let value = value.into_string().map_err(|value| {
                let value = value.to_string_lossy();
                super::bad(setting.key, &value, &source, "must be UTF-8".to_owned())
            })?;
            self.0.insert(setting.key, (value.into(), source));
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display().to_string();
        let fault = |message: String| ConfigError::File { path: name.clone(), message };
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let text = Zeroizing::new(text);
        let table: toml::Table =
            // The library's own text would quote the line, and it may hold a secret.
            text.parse().map_err(|error: toml::de::Error| {
                let before = error.span().map_or(0, |span| span.start);
                let line = text.get(..before).map_or(1, |text| text.split('\n').count());
                fault(format!("line {line}: {}", error.message()))
            })?;
        for (key, value) in table {
            let setting = known(&key, &name)?;
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(truth) => truth.to_string(),
                _ => {
                    return Err(fault(format!("`{key}` must be a string, a number or a boolean")));
                }
            };
            self.0.insert(setting.key, (value.into(), Source::File(name.clone())));
        }
        Ok(())
    }

    /// What was said for a setting, or its default.
    pub fn get(&self, key: &str) -> Option<(&str, &Source)> {
        self.0.get(key).map(|(value, source)| (value.as_str(), source))
    }
}

/// Kubernetes tells every container of a service named `easel` about it in variables that
/// nobody asked for: `EASEL_PORT`, `EASEL_PORT_80_TCP_ADDR`, `EASEL_SERVICE_HOST`, …
fn is_injected(rest: &str) -> bool {
    rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_")
}

fn known(key: &str, from: &str) -> Result<&'static Setting, ConfigError> {
    Setting::of(key).ok_or_else(|| {
        let letters =
            |key: &'_ str| key.bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<_>>();
        let said = letters(key);
        let shared =
            |other: &str| said.iter().zip(letters(other)).take_while(|(a, b)| *a == b).count();
        let similar = settings().map(|setting| setting.key).max_by_key(|other| shared(other));
        ConfigError::UnknownKey {
            key: key.to_owned(),
            from: from.to_owned(),
            similar: similar.filter(|other| shared(other) >= 3),
        }
    })
}
