//! Plays one row: builds the scene, does what the row says, measures, judges.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::combination::{Combination, GatewayKind};
use crate::evidence::Late;
use crate::machine::Slack;
use crate::path::Path;
use crate::rows::{Demand, Fault, OTHERS_MS, Row};
use crate::scene::{Part, Scene};
use crate::stage::Stage;
use crate::wait::pause;
use crate::waits::Waits;

/// How long blocks may take on a busy machine before the row has failed.
const BLOCK_PATIENCE: Duration = Duration::from_secs(2);
/// A recovery that is late is measured all the same.
const GRACE: Duration = Duration::from_secs(30);
/// Between the end of a part and its next start.
const DOWN: Duration = Duration::from_millis(500);

/// What is the same for all rows of a run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Fewer blocks.
    pub is_short: bool,
    /// Where all choices come from.
    pub seed: u64,
    /// Figures go into the documentation.
    pub is_written: bool,
}

/// Plays a row to its end; returns its figures.
///
/// # Errors
/// What was not as demanded, with the last words of every part.
pub fn play(stage: &Stage, combination: Combination, row: &Row, manner: Manner) -> Outcome<String> {
    let mut scene = Scene::build(stage, combination, row.setup, manner.seed)?;
    let figures = scene.begin().and_then(|()| run(&mut scene, row, manner));
    figures.map_err(|text| format!("{text}\n{}", scene.last_words()))
}

fn run(scene: &mut Scene, row: &Row, manner: Manner) -> Outcome<String> {
    let begin = Instant::now();
    let first = scene.watch.height();
    let end = inflict(scene, row.fault)?;
    let before = scene.watch.height();
    let known = (scene.gateway_output().len(), scene.signer.output().len());
    let blocks = if manner.is_short {
        row.demand.blocks.1
    } else {
        row.demand.blocks.0
    };
    let limit = limit(scene.combination, row);
    scene.watch.wait_for(before + 1, limit * 4 + GRACE)?;
    let patience = BLOCK_PATIENCE * u32::try_from(blocks).unwrap_or(u32::MAX) + limit;
    let last = scene.watch.wait_for(before + blocks, patience)?;
    // Not the first block: that one may have been signed before a fault without an end.
    let recovery = scene.watch.longest_gap(end);
    let slack = Slack::now();
    let late = scene.later_rounds(first)?;
    let waits = Waits::find(
        &late,
        before,
        scene.gateway_output().get(known.0..).unwrap_or_default(),
        scene.signer.output().get(known.1..).unwrap_or_default(),
    );
    let counted = recovery.saturating_sub(waits.total());
    judge(scene, row, &late, counted, slack.grown(limit))?;
    let gap = scene.watch.longest_gap(begin).as_millis();
    let rate = blocks as f64 / (last - end).as_secs_f64().max(0.001);
    let signatures = scene.signatures().count;
    let mut figures = format!("{blocks} blocks at {rate:.1}/s, {signatures} signatures, ");
    if row.fault != Fault::None {
        figures += &format!("recovered after {} ms, ", recovery.as_millis());
        figures += &waits.to_string();
    }
    if let Some(flood) = &scene.flood {
        figures += &format!("{:.0} datagrams/s, ", flood.rate());
        let memory = scene.gateway_memory_mib().unwrap_or_default();
        figures += &format!("gateway at most {memory:.0} MiB, ");
    }
    Ok(figures + &format!("longest gap {gap} ms, {slack}"))
}

fn limit(combination: Combination, row: &Row) -> Duration {
    let is_ours = match row.fault {
        Fault::Scan(_) | Fault::Restart(Part::Gateway) => {
            combination.gateway == GatewayKind::Ours || combination.has_own_tunnel()
        }
        _ => combination.has_own_tunnel(),
    };
    Duration::from_millis(if is_ours {
        row.demand.recovery_ms
    } else {
        OTHERS_MS
    })
}

/// Does what the row says; returns when that was over.
fn inflict(scene: &mut Scene, fault: Fault) -> Outcome<Instant> {
    match fault {
        Fault::None => {}
        Fault::Scan(times) => {
            scene.scan(times)?;
            return restart(scene, Part::Signer);
        }
        Fault::Restart(part) => return restart(scene, part),
        Fault::Cut(seconds) => {
            scene.relay.set(Path {
                is_cut: true,
                ..Path::GOOD
            });
            pause(Duration::from_secs(seconds))?;
            scene.relay.set(Path::GOOD);
        }
        Fault::Sleep(seconds) => scene.sleep(Duration::from_secs(seconds))?,
        Fault::Flood(kind) => scene.flood(kind)?,
        Fault::Rebind => scene.relay.rebind(),
        Fault::Move => scene.move_validator()?,
    }
    Ok(Instant::now())
}

fn restart(scene: &mut Scene, part: Part) -> Outcome<Instant> {
    scene.stop(part);
    pause(DOWN)?;
    scene.start(part)
}

fn judge(
    scene: &mut Scene,
    row: &Row,
    late: &[Late],
    recovery: Duration,
    limit: Duration,
) -> Outcome {
    let conflicts = scene.signatures().conflicts;
    if !conflicts.is_empty() {
        return Err(format!("signed twice: {}", conflicts.join("; ")));
    }
    let ended = scene.ended();
    if !ended.is_empty() {
        return Err(format!("ended by itself: {}", ended.join(", ")));
    }
    if row.fault != Fault::None && recovery > limit {
        return Err(format!(
            "recovered after {} ms without the node's own waits, not {} ms",
            recovery.as_millis(),
            limit.as_millis()
        ));
    }
    if row.demand.in_first_round && !late.is_empty() {
        return Err(format!("blocks of later rounds: {late:?}"));
    }
    judge_ours(scene, row.demand)
}

/// What only ours has to keep.
fn judge_ours(scene: &mut Scene, demand: Demand) -> Outcome {
    let combination = scene.combination;
    let is_said = |text: &str| scene.signer.output().contains(text);
    if let Some(text) = demand.says.filter(|text| !is_said(text))
        && combination.has_own_tunnel()
    {
        return Err(format!("the signer does not say {text:?}"));
    }
    let memory = scene.gateway_memory_mib().unwrap_or_default();
    if let Some(limit) = demand.memory_mib.filter(|limit| memory > *limit)
        && combination.gateway == GatewayKind::Ours
    {
        return Err(format!("the gateway took {memory:.0} MiB, not {limit:.0}"));
    }
    Ok(())
}
