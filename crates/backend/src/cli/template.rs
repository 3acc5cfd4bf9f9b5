//! `easel template`: what a server would say of a template, without one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use common::api::Args;
use serde_json::Value;

use super::{Failure, Settings, print};
use crate::{
    clock::SystemClock,
    lifecycle::Lifecycle,
    metrics::Metrics,
    render::{RenderError, Renderer, WorkerProgram},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Compile and render templates with the sample args beside them: the args of
    /// badge.svg.tera are in badge.json, alone or as its member "args"
    Check {
        /// The templates
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    },
}

pub(super) async fn run(command: &Command) -> Result<(), Failure> {
    let Command::Check { files, settings } = command;
    let (_, config) = settings.load()?;
    let lifecycle = Lifecycle::default();
    let metrics = Arc::new(Metrics::default());
    let (program, clock) = (WorkerProgram::this()?, Arc::new(SystemClock));
    let renderer = Renderer::new(config.render, &program, &lifecycle, clock, metrics);
    let mut faults = 0;
    for file in files {
        let line = match check(&renderer, file).await {
            Ok(bytes) => format!("{}: ok, {bytes} bytes", file.display()),
            Err(fault) => {
                faults += 1;
                format!("{}{fault}", file.display())
            }
        };
        print(&line)?;
    }
    lifecycle.stop().await;
    match faults {
        0 => Ok(()),
        faults => {
            Err(Failure::Failed(format!("{faults} of {} templates have faults", files.len())))
        }
    }
}

async fn check(renderer: &Renderer, file: &Path) -> Result<usize, String> {
    let template = fs::read_to_string(file).map_err(|error| format!(": {error}"))?;
    let args = sample_args(file)?;
    let drawn = renderer.render(&template, &args).await;
    drawn.map(|svg| svg.len()).map_err(|error| {
        let place = match &error {
            RenderError::Template { at: Some(at), .. }
            | RenderError::Render { at: Some(at), .. } => {
                format!(":{}:{}", at.line, at.column)
            }
            _ => String::new(),
        };
        format!("{place}: {error}")
    })
}

fn sample_args(template: &Path) -> Result<Args, String> {
    let name = template.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let file = template.with_file_name(format!("{stem}.json"));
    if !file.exists() {
        return Ok(Args::new());
    }
    let fault = |words: String| format!(": {}: {words}", file.display());
    let text = fs::read_to_string(&file).map_err(|error| fault(error.to_string()))?;
    let value = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    match value {
        Value::Object(mut object) => match object.remove("args") {
            Some(Value::Object(args)) => Ok(args),
            Some(_) => Err(fault("`args` is not an object".to_owned())),
            None => Ok(object),
        },
        _ => Err(fault("not a JSON object".to_owned())),
    }
}
