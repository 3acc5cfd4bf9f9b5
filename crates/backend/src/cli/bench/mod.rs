//! `easel bench`: a crowd of viewers and a program that draws for them, to learn what a server
//! can carry. It knows Easel only from the outside, as any client does, and can measure other
//! servers in the same way.
//!
//! Viewers are plain sockets in one loop. What is said is in [`requests`], what comes back is
//! read by [`head`], [`chunked`] and [`frames`], and which update it is tells the [`marker`]
//! in each picture. [`session`] knows who has which, [`updates`] sends the next, and
//! [`driver`] turns the wheel.

mod chunked;
mod crowd;
mod driver;
mod easel;
mod fault;
mod frames;
mod head;
mod histogram;
mod marker;
mod options;
mod other;
mod picture;
mod process;
mod progress;
mod publisher;
mod report;
mod requests;
mod session;
mod socket;
mod tally;
mod updates;
mod viewer;

pub(super) use self::options::Bench;

use std::time::Duration;

use tokio::time::Instant;

use self::{
    driver::Driver,
    easel::Easel,
    fault::BenchError,
    options::{Pace, Plan, Target},
    process::ProcessTree,
    report::{Report, Used, UsedByServer},
    requests::Requests,
};
use super::{Failure, print};
use crate::connections;

/// Files of the process beside its connections.
const OTHER_FILES: u64 = 32;

pub(super) async fn run(bench: Bench) -> Result<(), Failure> {
    let json = bench.json;
    let report = report(bench).await.map_err(|error| match error {
        BenchError::Option(_) => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error.to_string()),
    })?;
    match json {
        true => print(&serde_json::to_string(&report)?),
        false => print(&report.to_string()),
    }
}

async fn report(bench: Bench) -> Result<Report, BenchError> {
    let plan = bench.plan()?;
    let needed = (plan.viewers + plan.publishers) as u64 + OTHER_FILES;
    let limit = connections::open_files();
    if needed > limit {
        return Err(BenchError::OpenFiles { needed, limit });
    }
    // Two benches of one server must not share a session.
    let name = format!("bench-{:08x}", rand::random::<u32>());
    match &plan.target {
        Target::Easel { server, user, drawn } => {
            let easel = Easel::set_up(&plan, server, user.as_ref(), drawn, &name).await?;
            let requests = easel.requests(&plan, drawn)?;
            let report = tokio::task::block_in_place(|| measure(&plan, &requests));
            easel.tidy().await?;
            report
        }
        Target::Other(other) => {
            let requests = other.requests(&plan, &name)?;
            tokio::task::block_in_place(|| measure(&plan, &requests))
        }
    }
}

/// The bench itself. It blocks: its thread is busy for as long as it takes.
fn measure(plan: &Plan, requests: &Requests) -> Result<Report, BenchError> {
    let (server, own) = (plan.server, ProcessTree::own());
    let mut driver = Driver::new(plan, requests)?;
    let empty = server.map(ProcessTree::memory).transpose()?;
    driver.connects()?;
    driver.settles(server.map_or(Duration::ZERO, |_| plan.settle))?;
    let full = server.map(ProcessTree::memory).transpose()?;
    if plan.pace != Pace::Idle {
        driver.loads("warming up", plan.warm_up)?;
    }
    driver.counts();
    let began = Instant::now();
    let (own_before, server_before) = (own.cpu().ok(), server.map(ProcessTree::cpu).transpose()?);
    driver.loads("measuring", plan.duration)?;
    let (own_after, server_after) = (own.cpu().ok(), server.map(ProcessTree::cpu).transpose()?);
    let of_server = (empty.zip(full)).zip(server_before.zip(server_after));
    let used = Used {
        // What was waited for after the last frame is no part of the load.
        time: driver.crowd.last_heard.max(began + plan.duration) - began,
        server: of_server.map(|(memory, (before, after))| UsedByServer {
            cpu: after.saturating_sub(before),
            memory: memory.into(),
        }),
        own: own_before.zip(own_after).map(|(before, after)| after.saturating_sub(before)),
    };
    match driver.measured.deliveries {
        0 if driver.measured.updates > 0 => Err(BenchError::Nothing),
        _ => Ok(Report::new(plan, &driver, &used)),
    }
}
