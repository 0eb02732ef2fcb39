//! The tunnel's events in the log, each kind at a bounded rate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engine::Event;

/// Where the log says that it comes from.
const TARGET: &str = "tmkms::tunnel";

/// How long the same text is not repeated.
const QUIET: Duration = Duration::from_secs(10);

/// Texts that are remembered; forged datagrams must not fill the memory.
const MAX_TEXTS: usize = 64;

/// Lines in [`QUIET`], whatever they say.
const MAX_LINES: u32 = 100;

/// What was said lately.
#[derive(Default)]
pub(super) struct Log {
    said: BTreeMap<String, Said>,
    window: Option<Instant>,
    lines: u32,
}

struct Said {
    at: Instant,
    left_out: u64,
}

impl Log {
    pub(super) fn event(&mut self, now: Instant, event: &Event) {
        let text = event.to_string();
        match self.line(now, &text) {
            Some(line) if event.is_trouble() => tracing::warn!(target: TARGET, "{line}"),
            Some(line) => tracing::info!(target: TARGET, "{line}"),
            None => {}
        }
    }

    /// What is to be written, if anything.
    fn line(&mut self, now: Instant, text: &str) -> Option<String> {
        let fresh = |at: Instant| now.saturating_duration_since(at) < QUIET;
        if let Some(said) = self.said.get_mut(text) {
            if fresh(said.at) {
                said.left_out += 1;
                return None;
            }
            said.at = now;
            let left_out = std::mem::take(&mut said.left_out);
            return self.room(now).then(|| match left_out {
                0 => text.to_owned(),
                n => format!("{text} ({n} more since the last line)"),
            });
        }
        if self.said.len() >= MAX_TEXTS {
            self.said.retain(|_, said| fresh(said.at));
        }
        if self.said.len() < MAX_TEXTS {
            let said = Said {
                at: now,
                left_out: 0,
            };
            self.said.insert(text.to_owned(), said);
        }
        self.room(now).then(|| text.to_owned())
    }

    fn room(&mut self, now: Instant) -> bool {
        let running = self
            .window
            .filter(|start| now.saturating_duration_since(*start) < QUIET);
        if running.is_none() {
            self.window = Some(now);
            self.lines = 0;
        }
        self.lines += 1;
        self.lines <= MAX_LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_once_in_10_s_with_the_number_left_out() {
        let mut log = Log::default();
        let start = Instant::now();
        assert_eq!(log.line(start, "a").as_deref(), Some("a"));
        assert_eq!(log.line(start, "b").as_deref(), Some("b"));
        for _ in 0..5 {
            assert_eq!(log.line(start + Duration::from_secs(9), "a"), None);
        }
        let later = log.line(start + Duration::from_secs(10), "a");
        assert_eq!(later.as_deref(), Some("a (5 more since the last line)"));
        let last = log.line(start + Duration::from_secs(30), "a");
        assert_eq!(last.as_deref(), Some("a"));
    }

    #[test]
    fn a_flood_of_different_texts_is_bounded() {
        let mut log = Log::default();
        let start = Instant::now();
        let lines = (0..10_000).filter(|n| log.line(start, &n.to_string()).is_some());
        assert_eq!(lines.count(), usize::try_from(MAX_LINES).unwrap());
        assert!(log.said.len() <= MAX_TEXTS);
        let later = start + Duration::from_secs(11);
        assert!(log.line(later, "something else").is_some());
    }
}
