//! What `tracing` hands its events to.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};

use super::event::Event;
use super::queue::Queue;
use super::writer::Early;
use super::{Form, Threshold};

/// Where events go.
pub(super) enum Destination {
    /// Into the queue, from which they are written.
    Queue(Arc<Queue>, Arc<Early>),
    /// To standard output, at once.
    Direct(Form),
}

/// Takes events; there are no spans in this program.
pub(super) struct Subscriber {
    threshold: Threshold,
    destination: Destination,
}

impl Subscriber {
    pub(super) fn new(threshold: Threshold, destination: Destination) -> Self {
        Self {
            threshold,
            destination,
        }
    }
}

impl tracing::Subscriber for Subscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.threshold.level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.threshold.level()))
    }

    fn event(&self, event: &tracing::Event<'_>) {
        if !self.enabled(event.metadata()) {
            return;
        }
        let event = Event::of(event);
        match &self.destination {
            Destination::Queue(queue, early) => {
                queue.push(event);
                early.write_waiting(Duration::ZERO);
            }
            Destination::Direct(form) => {
                // Nobody reads it any more: then the line is lost, and nothing else.
                let _ = io::stdout().write_all(&form.render(&event));
            }
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
