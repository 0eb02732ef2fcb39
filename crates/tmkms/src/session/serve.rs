//! An established connection: requests in, answers out, one after the other.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use privval::{Deframer, Request};

use super::answer::{Outcome, answer};
use super::audit;
use super::connection::Connection;
use super::log;
use super::node::Node;
use super::shutdown::Shutdown;
use super::trouble::Trouble;
use crate::observe::record::Took;

/// What is read at once: the data of a few frames.
const READ_LEN: usize = 16 * 1024;

/// How long an answer may take before the session counts as stuck. A node waits for one for 5 s.
const ANSWER: Duration = Duration::from_secs(5);

/// What a read may take beyond its timeout before the session counts as stuck.
const SLACK: Duration = Duration::from_secs(5);

/// How a connection ended.
pub(super) struct End {
    /// Why, unless it was asked for.
    pub(super) trouble: Option<Trouble>,
    /// How many requests it brought.
    pub(super) requests: u64,
}

/// Serves until the connection ends or a stop is asked for. `on_first_request` is called once,
/// after the first answer.
pub(super) fn serve(
    mut connection: Connection,
    node: &Node,
    shutdown: &Shutdown,
    on_first_request: &mut dyn FnMut(),
) -> End {
    let mut session = Session {
        node,
        on_first_request,
        deframer: Deframer::new(),
        version_told: false,
        requests: 0,
    };
    let trouble = session.run(&mut connection, shutdown).err();
    End {
        trouble: trouble.filter(|_| !shutdown.is_asked()),
        requests: session.requests,
    }
}

struct Session<'a> {
    node: &'a Node,
    on_first_request: &'a mut dyn FnMut(),
    deframer: Deframer,
    version_told: bool,
    requests: u64,
}

impl Session<'_> {
    fn run(&mut self, connection: &mut Connection, shutdown: &Shutdown) -> Result<(), Trouble> {
        let transport = connection.transport();
        transport
            .set_read_timeout(self.node.timeout)
            .map_err(Trouble::Io)?;
        let _interrupt = shutdown.register(transport.interrupter().map_err(Trouble::Io)?);
        let mut buffer = vec![0; READ_LEN];
        let patience = self.node.timeout.saturating_add(SLACK);
        while !shutdown.is_asked() {
            self.node.record.turn().due(Instant::now(), patience);
            let count = self.read(connection, &mut buffer)?;
            self.deframer.push(buffer.get(..count).unwrap_or_default());
            while let Some(message) = self.deframer.next_message().map_err(Trouble::Frame)? {
                self.handle(connection, &message)?;
            }
        }
        Ok(())
    }

    fn read(&self, connection: &mut Connection, buffer: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match connection.read(buffer) {
                Ok(0) => return Err(Trouble::Closed),
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Trouble::established(e, self.node.timeout)),
            }
        }
    }

    /// The answer goes out before the log line: a slow log delays no vote.
    fn handle(&mut self, connection: &mut Connection, message: &[u8]) -> Result<(), Trouble> {
        let started = Instant::now();
        self.node.record.turn().due(started, ANSWER);
        self.requests = self.requests.saturating_add(1);
        let request = Request::parse(message);
        let decode = started.elapsed();
        let (reply, outcome) = answer(self.node, &request);
        let answered = Instant::now();
        let sent = reply.map_or(Ok(()), |reply| {
            connection
                .write_all(&reply.encode())
                .and_then(|()| connection.flush())
        });
        let (write, total) = (answered.elapsed(), started.elapsed());
        self.record(&outcome, decode, write, total);
        if self.requests == 1 {
            (self.on_first_request)();
        }
        log::outcome(self.node, &request, &outcome, total);
        if self.node.audit.is_on() {
            audit::record(self.node, &request, &outcome);
        }
        self.tell_version_once(&request);
        sent.map_err(|e| Trouble::established(e, self.node.timeout))
    }

    /// Refusals are counted with their log line.
    fn record(&self, outcome: &Outcome, decode: Duration, write: Duration, total: Duration) {
        let record = self.node.chain.record();
        match outcome {
            Outcome::Signed {
                is_replay: true, ..
            } => record.repeated(),
            Outcome::Signed {
                canonical,
                took: [commit, sync, sign],
                ..
            } => {
                let took = Took {
                    decode,
                    commit: *commit,
                    sync: *sync,
                    sign: *sign,
                    write,
                    total,
                };
                record.signed(canonical, &took);
            }
            Outcome::SignedRawBytes(_) => record.signed_raw_bytes(),
            Outcome::Refused { .. } | Outcome::Served | Outcome::Unanswered => {}
        }
    }

    fn tell_version_once(&mut self, request: &Request) {
        let version = self.node.protocol_version.filter(|_| !self.version_told);
        if let Some(why) = version.and_then(|v| request.contradicts(v)) {
            self.version_told = true;
            self.node.record.contradicted(why);
            log::version(self.node, why);
        }
    }
}
