//! A whole run: case after case, until all are told or nothing more can be asked.

use testnode::Listener;

use crate::cases::{self, Case};
use crate::fault::{Fault, Trouble};
use crate::link::Link;
use crate::plan::Plan;
use crate::play::Play;
use crate::report::{Finding, Group, Report, Verdict};

/// What happens during a run, for whoever watches.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The signer connected.
    Connected,
    /// The cases of a group begin.
    Begins(Group),
    /// A case is through.
    Found(&'a Finding),
}

/// No signer connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody connected")]
pub struct NobodyCame;

/// Tries a signer that connects to the listener.
///
/// # Errors
/// [`NobodyCame`] within the plan's patience. A signer whose handshake fails did come.
pub fn run(
    plan: &Plan,
    listener: &Listener,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<Report, NobodyCame> {
    let mut link = Link::new(plan, listener);
    let first = link.connect(plan.patience);
    if matches!(
        &first,
        Err(Trouble::NotBack {
            handshake: None,
            ..
        })
    ) {
        return Err(NobodyCame);
    }
    watch(Event::Connected);
    let mut run = Run {
        play: Play::new(plan, link),
        gone: None,
        findings: Vec::new(),
        watch,
    };
    run.tell_handshake(first);
    run.group(Group::Start, cases::start(plan));
    for version in &plan.versions {
        run.play.version = *version;
        run.group(Group::Version(*version), cases::of_version(plan, *version));
    }
    run.play.version = plan.newest();
    run.group(Group::Every, cases::of_every_version(plan));
    Ok(run.report())
}

struct Run<'a, 'w> {
    play: Play<'a>,
    /// Why nothing more is asked.
    gone: Option<String>,
    findings: Vec<Finding>,
    watch: &'w mut dyn FnMut(Event<'_>),
}

impl Run<'_, '_> {
    /// The handshake is through before the first case.
    fn tell_handshake(&mut self, first: Result<(), Trouble>) {
        (self.watch)(Event::Begins(Group::Start));
        let case = cases::handshake();
        let verdict = match first {
            Ok(()) => Verdict::Passed { note: None },
            Err(trouble) => {
                self.gone = Some("no handshake came to its end".to_owned());
                let note = match trouble {
                    Trouble::NotBack {
                        handshake: Some(why),
                        ..
                    } => why,
                    other => other.to_string(),
                };
                Verdict::Failed { note }
            }
        };
        self.tell(Group::Start, &case, verdict);
    }

    fn group(&mut self, group: Group, cases: Vec<Case>) {
        if group != Group::Start {
            (self.watch)(Event::Begins(group));
        }
        for case in cases {
            let verdict = match &self.gone {
                Some(why) => Verdict::NotReached { note: why.clone() },
                None => self.one(&case),
            };
            self.tell(group, &case, verdict);
        }
    }

    fn one(&mut self, case: &Case) -> Verdict {
        self.play.case = case.name;
        let outcome = (case.run)(&mut self.play);
        self.gone = self.play.link.is_hopeless().map(str::to_owned);
        match outcome {
            Ok(note) => Verdict::Passed { note },
            Err(Fault::Failed(note)) => Verdict::Failed { note },
            Err(Fault::Skipped(note)) => Verdict::Skipped { note },
            Err(Fault::Gone(note)) => {
                self.gone = Some(format!("{} ended the run", case.name));
                Verdict::Failed { note }
            }
        }
    }

    fn tell(&mut self, group: Group, case: &Case, verdict: Verdict) {
        let finding = Finding {
            group,
            name: case.name,
            relies_on: case.relies_on,
            severity: case.severity,
            verdict,
        };
        (self.watch)(Event::Found(&finding));
        self.findings.push(finding);
    }

    fn report(self) -> Report {
        let plan = self.play.plan;
        let mut report = Report {
            chain_id: plan.ground.chain_id().to_string(),
            heights: (plan.ground.first_height().value(), self.play.last_height()),
            public_key: self.play.key,
            connections: self.play.link.connections(),
            latency: self.play.latency,
            passed: false,
            cases: self.findings,
        };
        report.passed = report.all_musts_passed();
        report
    }
}
