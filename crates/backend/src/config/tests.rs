use super::*;
use crate::limit::{Limit, TrustedProxies};
use clap::{Args, Command, FromArgMatches};
use std::{ffi::OsString, io::Write, path::Path};

fn flags(args: &[&str]) -> Flags {
    let command = Flags::augment_args(Command::new("easel"));
    let matches = command.try_get_matches_from([&["easel"], args].concat()).unwrap();
    Flags::from_arg_matches(&matches).unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn config(args: &[&str]) -> Result<Config, ConfigError> {
    Config::new(&Raw::gather(&flags(args), [], None).unwrap())
}

fn error(args: &[&str]) -> String {
    config(args).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_a_valid_configuration() {
    let config = config(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.minting, Minting::Open);
    assert_eq!(config.session_lifetimes.default, Duration::from_secs(3600));
    assert_eq!(config.token_lifetimes.max, Duration::from_secs(30 * 86_400));
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = file("token-issuer = \"file\"\ntoken-audience = \"file\"\nsession-ttl = 60\n");
    let environment =
        variables(&[("EASEL_TOKEN_ISSUER", "env"), ("EASEL_TOKEN_AUDIENCE", "env"), ("HOME", "/")]);
    let raw =
        Raw::gather(&flags(&["--token-issuer", "flag"]), environment, Some(file.path())).unwrap();
    let config = Config::new(&raw).unwrap();
    assert_eq!(config.token_names.issuer, "flag");
    assert_eq!(config.token_names.audience, "env");
    assert_eq!(config.session_lifetimes.default, Duration::from_secs(60));
    assert_eq!(config.heartbeat, Duration::from_secs(15));
}

#[test]
fn unknown_keys_stop_the_start_wherever_they_stand() {
    let unknown =
        Raw::gather(&Flags::default(), variables(&[("EASEL_LISTENN", "x")]), None).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "EASEL_LISTENN: there is no setting `listenn`; did you mean `listen`?"
    );
    let file = file("datadir = \"x\"\n");
    let unknown = Raw::gather(&Flags::default(), [], Some(file.path())).unwrap_err();
    assert!(unknown.to_string().contains("did you mean `data-dir`?"), "{unknown}");
    assert!(Raw::gather(&Flags::default(), [], Some(Path::new("no-such-file.toml"))).is_err());
}

#[test]
fn clients_may_have_variables_of_their_own() {
    let environment = variables(&[
        ("EASEL_TOKEN", "secret"),
        ("EASEL_SERVER", "http://x"),
        ("EASEL_PORT", "tcp://10.0.0.1:80"),
        ("EASEL_SERVICE_HOST", "10.0.0.1"),
    ]);
    assert!(Raw::gather(&Flags::default(), environment, None).is_ok());
}

#[test]
fn a_bad_value_names_its_key_its_source_and_the_fix() {
    for (args, wanted) in [
        (["--listen", "3000"], "listen = \"3000\" (from --listen): must be ADDRESS:PORT"),
        (["--drain-timeout", "soon"], "must be a duration such as"),
        (["--heartbeat", "10ms"], "a second or longer"),
        (["--session-ttl", "366d"], "must not be longer than session-max-ttl"),
        (["--session-ttl", "1500ms"], "whole seconds"),
        (["--token-max-ttl", "99999999999d"], "token-max-ttl"),
        (["--public-sessions", "yes"], "must be `on` or `off`"),
        (["--public-url", "ftp://x"], "must be an http or https URL"),
        (["--public-url", "https://u:p@x"], "must be an http or https URL"),
        (["--cors-origins", "*"], "cors-origins = \"*\" (from --cors-origins): must be origins"),
        (["--cors-origins", "https://a.example/"], "is written https://a.example"),
        (["--tickets-per-user", "0"], "whole number above 0"),
        (["--max-body-bytes", "-1"], "whole number above 0"),
        (["--max-loop-steps", "0"], "whole number above 0"),
        (["--max-depth", "257"], "must not be above 256"),
        (["--snapshot-max-side", "16385"], "must not be above 16384"),
        (["--snapshot-compute", "0"], "longer than nothing"),
        (["--minting", "free"], "must be `open` or `accounts`"),
        (["--log-format", "xml"], "must be `text` or `json`"),
    ] {
        let said = error(&args);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn windows_that_contradict_each_other_stop_the_start_and_name_both_keys() {
    for (args, wanted) in [
        (
            &["--key-publish-delay", "299s"][..],
            ["key-publish-delay = \"299s\" (from --key-publish-delay)", "jwks-max-age = 5m"],
        ),
        (&["--jwks-max-age", "1h"], ["key-publish-delay = \"15m\" (from default)", "1h"]),
        (
            &["--token-max-ttl", "31d"],
            ["key-overlap = \"31d\" (from default)", "set key-overlap to 31d 30s or longer"],
        ),
        (
            &["--key-overlap", "30d"],
            ["key-overlap = \"30d\" (from --key-overlap)", "or lower token-max-ttl"],
        ),
        (&["--key-rotation", "14m"], ["key-rotation = \"14m\"", "key-publish-delay = 15m"]),
        (&["--key-rotation", "weekly"], ["key-rotation", "or `off`"]),
        (&["--jwks-max-age", "0"], ["jwks-max-age", "longer than nothing"]),
    ] {
        let said = error(args);
        assert!(wanted.iter().all(|part| said.contains(part)), "{said}");
    }
    for args in [
        &["--key-publish-delay", "5m"][..],
        &[
            "--key-overlap",
            "90s",
            "--token-max-ttl",
            "60",
            "--token-ttl",
            "60",
            "--access-ttl",
            "60",
        ],
        &["--key-rotation", "15m"],
    ] {
        assert!(config(args).is_ok(), "{args:?}");
    }
    assert!(
        error(&["--key-overlap", "89s", "--token-max-ttl", "60", "--token-ttl", "60"])
            .contains("set key-overlap to 1m 30s or longer")
    );
    assert_eq!(config(&["--key-rotation", "off"]).unwrap().keys.windows.rotation, None);
}

#[test]
fn a_master_key_is_32_bytes_in_what_openssl_prints_and_never_shows() {
    let base64 = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ/+3vEjRWeJA=";
    let key = MasterKey::parse(base64).unwrap();
    let unpadded = base64.trim_end_matches('=');
    let url_safe = base64.replace('/', "_").replace('+', "-");
    let line = format!("{base64}\n");
    let hex: String = key.bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [unpadded, &url_safe, &line, &hex] {
        assert_eq!(MasterKey::parse(text).unwrap().bytes(), key.bytes(), "{text}");
    }
    for bad in ["", "secret", &base64[4..], &hex[2..], &"0".repeat(64), &"z".repeat(64)] {
        assert!(MasterKey::parse(bad).unwrap_err().contains("openssl rand -base64 32"), "{bad}");
    }
    let gather = |pairs: &[(&str, &str)]| Raw::gather(&Flags::default(), variables(pairs), None);
    let raw = gather(&[("EASEL_MASTER_KEY", base64)]).unwrap();
    let config = Config::new(&raw).unwrap();
    let effective = Effective { raw: &raw, config: &config }.to_string();
    for shown in [format!("{raw:?}"), format!("{config:?}"), effective] {
        assert!(!shown.contains(&base64[..8]), "{shown}");
    }
    let bad = Config::new(&gather(&[("EASEL_MASTER_KEY", "hunter2")]).unwrap()).unwrap_err();
    assert!(!bad.to_string().contains("hunter2"), "{bad}");
    let alone = gather(&[("EASEL_PREVIOUS_MASTER_KEY", base64)]).unwrap();
    assert!(Config::new(&alone).unwrap_err().to_string().contains("set both"));
    let file = file("master-key = \"hunter2");
    let broken = Raw::gather(&Flags::default(), [], Some(file.path())).unwrap_err().to_string();
    assert!(broken.contains("line 1") && !broken.contains("hunter2"), "{broken}");
}

#[test]
fn open_minting_stays_on_this_machine_unless_it_is_allowed_out() {
    assert_eq!(config(&["--listen", "0.0.0.0:3000"]).unwrap().minting, Minting::Accounts);
    assert!(
        error(&["--listen", "0.0.0.0:3000", "--minting", "open"]).contains("--allow-open-minting")
    );
    let allowed = ["--listen", "0.0.0.0:3000", "--minting", "open", "--allow-open-minting"];
    assert_eq!(config(&allowed).unwrap().minting, Minting::Open);
    assert_eq!(config(&["--listen", "[::1]:0"]).unwrap().minting, Minting::Open);
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let raw = Raw::gather(&flags(&["--token-issuer", "a \"b\""]), [], None).unwrap();
    let effective = Effective { raw: &raw, config: &Config::new(&raw).unwrap() }.to_string();
    let file = file(&effective);
    let again = Raw::gather(&Flags::default(), [], Some(file.path())).unwrap();
    assert_eq!(Config::new(&again).unwrap().token_names.issuer, "a \"b\"");
}

#[test]
fn every_limit_has_a_setting_and_can_be_turned_off() {
    let defaults = config(&[]).unwrap();
    for limit in Limit::ALL {
        assert!(defaults.limits.rates.contains_key(limit), "{limit}");
        for off in ["off", "0"] {
            let config = config(&[&format!("--{limit}"), off]).unwrap();
            assert!(!config.limits.rates.contains_key(limit), "{limit}");
            assert_eq!(config.limits.rates.len(), Limit::ALL.len() - 1);
        }
        let said = error(&[&format!("--{limit}"), "many"]);
        assert!(said.contains(limit.name()) && said.contains("600/1m"), "{said}");
    }
    let limited = config(&["--viewers-per-node", "off", "--sessions-per-user", "7"]).unwrap();
    assert_eq!(limited.limits.viewers.per_node, u64::MAX);
    assert_eq!(limited.quotas.user.sessions, 7);
    assert_ne!(limited.quotas.public.sessions, 7);
    for bad in ["-1", "1.5", "many", "99999999999999999999"] {
        assert!(error(&["--viewers-per-session", bad]).contains("whole number"), "{bad}");
    }
}

#[test]
fn proxies_are_named_by_their_networks() {
    assert_eq!(config(&[]).unwrap().limits.proxies, TrustedProxies::default());
    let proxies = config(&["--trusted-proxy", "10.0.0.0/8, 2001:db8::1"]).unwrap().limits.proxies;
    assert_eq!(proxies, "10.0.0.0/8,2001:db8::1/128".parse().unwrap());
    assert!(error(&["--trusted-proxy", "proxy.example"]).contains("10.0.0.0/8"));
}

fn with_variables(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::new(&Raw::gather(&Flags::default(), variables(pairs), None).unwrap())
}

#[test]
fn mail_goes_into_files_until_there_is_a_server_and_someone_it_is_from() {
    let defaults = config(&[]).unwrap();
    assert!(defaults.mail.smtp.is_none());
    assert_eq!(defaults.mail.from.to_string(), "Easel <easel@localhost>");
    assert_eq!(defaults.mail.verify_ttl, Duration::from_secs(86_400));
    assert_eq!(defaults.mail.reset_ttl, Duration::from_secs(30 * 60));
    assert_eq!(defaults.mail_directory(), Path::new("./data/mail"));
    let url = ("EASEL_SMTP_URL", "smtps://easel:hunter2@mail.example");
    let said = with_variables(&[url]).unwrap_err().to_string();
    assert!(said.starts_with("mail-from = \"\" (from default): "), "{said}");
    let from = ("EASEL_MAIL_FROM", "easel@example.com");
    let mail = with_variables(&[url, from, ("EASEL_RESET_TTL", "5m")]).unwrap().mail;
    assert_eq!(mail.smtp.as_ref().unwrap().to_string(), "smtps://mail.example:465");
    assert_eq!(mail.reset_ttl, Duration::from_secs(300));
    assert!(!format!("{mail:?}").contains("hunter2"));
    let clear = ("EASEL_SMTP_URL", "smtp://easel:hunter2@mail.example?tls=none");
    let said = with_variables(&[clear, from]).unwrap_err().to_string();
    assert!(said.contains("smtp-url") && !said.contains("hunter2"), "{said}");
    for (key, bad) in [("EASEL_MAIL_FROM", "Easel"), ("EASEL_VERIFY_TTL", "0")] {
        assert!(with_variables(&[(key, bad)]).is_err(), "{bad}");
    }
}

#[test]
fn webhooks_need_a_secret_that_never_shows() {
    assert!(config(&[]).unwrap().webhooks.is_none());
    let urls = ("EASEL_WEBHOOK_URLS", "https://one.example/a, http://127.0.0.1:9000");
    let said = with_variables(&[urls]).unwrap_err().to_string();
    assert!(said.starts_with("webhook-secret") && said.contains("openssl rand"), "{said}");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let config = with_variables(&[urls, ("EASEL_WEBHOOK_SECRET", secret)]).unwrap();
    let webhooks = config.webhooks.as_ref().unwrap();
    let hosts: Vec<String> = webhooks.urls.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["one.example", "127.0.0.1:9000"]);
    assert!(!format!("{config:?}").contains("MfKQ9r8"), "{config:?}");
    let short = ("EASEL_WEBHOOK_SECRET", "whsec_c2hvcnQ=");
    let said = with_variables(&[urls, short]).unwrap_err().to_string();
    assert!(said.contains("24 to 64") && !said.contains("c2hvcnQ"), "{said}");
    let open = ("EASEL_WEBHOOK_URLS", "http://hooks.example/token");
    let said = with_variables(&[open]).unwrap_err().to_string();
    assert!(said.contains("webhook-urls") && said.contains("https"), "{said}");
}
