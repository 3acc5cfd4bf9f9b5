//! What the program says while it runs: to standard error, so that the output of commands
//! stays clean.
//!
//! No secret is among it. We log causes and names, never what someone sent; and of the
//! libraries, whose debug lines quote headers, statements and bodies, we let through only what
//! they say to operators, whatever level is asked for.

pub mod trace;

use std::{io::IsTerminal, panic};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{Config, LogFormat};

/// The crates whose lines are ours at every level.
const OURS: &[&str] = &["backend", "common", "easel"];

/// Starts logging. Later calls change nothing.
pub fn start(config: &Config) {
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let filter = EnvFilter::new(&config.log).and(filter_fn(may_be_said));
    let registry = tracing_subscriber::registry();
    // Fails only if something logs already, as in a test that starts several servers.
    let started = match config.log_format {
        LogFormat::Text => registry.with(lines.with_filter(filter)).try_init(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_span_list(false);
            registry.with(lines.with_filter(filter)).try_init()
        }
    };
    if started.is_ok() {
        // A panic is a line like any other, so that whoever reads lines can read it too.
        panic::set_hook(Box::new(|panic| {
            let words = panic.payload_as_str().unwrap_or("no message");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panicked: {words}");
        }));
    }
}

/// Whether a line may be said at all, before anyone asks how much is wanted.
fn may_be_said(line: &Metadata) -> bool {
    let from = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::INFO || OURS.contains(&from)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_are_heard_when_they_speak_to_operators() {
        let heard = Heard::default();
        let writer = heard.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).without_time();
        let filter = EnvFilter::new("trace,h2=trace").and(filter_fn(may_be_said));
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "h2::codec", "a header");
            tracing::debug!(target: "hyper::proto", "a statement");
            tracing::debug!(target: "backendish", "a body");
            tracing::warn!(target: "hyper::proto", "slow");
            tracing::trace!(target: "backend::hub", "a viewer");
        });
        let heard = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
        assert!(heard.contains("slow") && heard.contains("a viewer"), "{heard}");
        assert_eq!(heard.lines().count(), 2, "{heard}");
    }
}
