//! The record layer: frames that are whole, altered, repeated, reordered, cut or of impossible
//! length, arriving in odd pieces with pauses. What is read is what the peer sealed, up to the
//! first frame that is not the next one, and nothing after it.
//!
//! Input: order of the keys, how the bytes are cut, how long the buffer of a read is, and then
//! frame after frame: a kind, and what that kind needs.
//!
//! Longest input: 2048 bytes.
#![no_main]

use std::io::{ErrorKind, Read as _, Write as _};

use fuzz::input::Input;
use fuzz::peer::{FRAME_LEN, MEETINGS, Meeting};
use fuzz::wire::Wire;
use libfuzzer_sys::fuzz_target;
use secret_connection::{OpenError, SecretStream, StreamError};

const MAX_FRAMES: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let meeting = &MEETINGS[usize::from(input.byte() & 1)];
    let cuts = input.take(4);
    let buffer_len = 1 + usize::from(input.number() % 2100);
    let to_send = usize::from(input.number());
    let script = Script::read(meeting, &mut input);

    let before = [&meeting.first[..], &meeting.auth_frame()].concat();
    let wire = Wire::new([&before[..], &script.bytes].concat(), cuts);
    let connected =
        SecretStream::connect_while(wire, &meeting.identity, meeting.ephemeral, |_, _| true);
    let Ok(mut stream) = connected else {
        panic!("an honest handshake is refused");
    };
    let handshake_len = stream.get_ref().sent.len();
    let (heard, end) = hear(&mut stream, buffer_len);
    assert_eq!(heard, script.data, "what was read is what was sealed");
    assert_eq!(end, script.end);
    assert_eq!(stream.is_idle(), end.leaves_idle());
    say(meeting, &mut stream, handshake_len, to_send);
});

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Closed,
    ClosedInFrame(usize),
    Refused(OpenError),
}

impl End {
    fn leaves_idle(self) -> bool {
        !matches!(self, Self::ClosedInFrame(_))
    }
}

/// What the peer sends, and what is to become of it.
struct Script {
    bytes: Vec<u8>,
    data: Vec<u8>,
    end: End,
}

impl Script {
    fn read(meeting: &Meeting, input: &mut Input<'_>) -> Self {
        let mut script = Self {
            bytes: Vec::new(),
            data: Vec::new(),
            end: End::Closed,
        };
        let mut counter = 1;
        for _ in 0..MAX_FRAMES {
            if input.is_empty() || script.end != End::Closed {
                break;
            }
            script.frame(meeting, &mut counter, input);
        }
        script
    }

    fn frame(&mut self, meeting: &Meeting, counter: &mut u64, input: &mut Input<'_>) {
        let number = *counter;
        let forged = End::Refused(OpenError::Forged { frame: number });
        match input.byte() % 8 {
            // As a peer does it.
            0..=2 => {
                let fill = [input.byte(); 1024];
                let len = 1 + usize::from(input.number() % 1024);
                self.good(meeting.seal(number, len as u32, &fill[..len]), &fill[..len]);
                *counter += 1;
            }
            // Any content and any length, with a true tag.
            3 => {
                let length = u32::from(input.number()) << (input.byte() % 17);
                let data = input.take(1024);
                let frame = meeting.seal(number, length, data);
                let mut padded = data.to_vec();
                padded.resize(1024, 0);
                match usize::try_from(length) {
                    Ok(len @ 1..=1024) => {
                        self.good(frame, &padded[..len]);
                        *counter += 1;
                    }
                    _ => {
                        let frame_number = number;
                        self.bad(
                            frame,
                            End::Refused(OpenError::Length {
                                frame: frame_number,
                                length,
                            }),
                        );
                    }
                }
            }
            // One altered byte.
            4 => {
                let mut frame = meeting.seal(number, 5, b"a vote");
                let at = usize::from(input.number()) % FRAME_LEN;
                frame[at] ^= input.byte().max(1);
                self.bad(frame, forged);
            }
            // Repeated, or from later on.
            5 => {
                let other = match u64::from(input.byte()) {
                    n if n < number => n,
                    n => n + 1,
                };
                self.bad(meeting.seal(other, 4, b"late"), forged);
            }
            // Cut off.
            6 => {
                let len = 1 + usize::from(input.number()) % (FRAME_LEN - 1);
                let frame = meeting.seal(number, 3, b"cut");
                self.bad(frame[..len].to_vec(), End::ClosedInFrame(len));
            }
            // Not even a frame.
            _ => {
                let mut noise = input.take(FRAME_LEN).to_vec();
                noise.resize(FRAME_LEN, 0);
                self.bad(noise, forged);
            }
        }
    }

    fn good(&mut self, frame: Vec<u8>, data: &[u8]) {
        self.bytes.extend(frame);
        self.data.extend(data);
    }

    fn bad(&mut self, frame: Vec<u8>, end: End) {
        self.bytes.extend(frame);
        if !matches!(end, End::ClosedInFrame(_)) {
            // A frame that would be right comes too late.
            self.bytes.extend([0; FRAME_LEN]);
        }
        self.end = end;
    }
}

fn hear(stream: &mut SecretStream<Wire>, buffer_len: usize) -> (Vec<u8>, End) {
    let mut buffer = vec![0; buffer_len];
    let mut heard = Vec::new();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (heard, End::Closed),
            Ok(len) => heard.extend(&buffer[..len]),
            Err(error) => match (error.kind(), StreamError::of(&error)) {
                (ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted, _) => {}
                (_, Some(StreamError::ClosedInFrame { received })) => {
                    return (heard, End::ClosedInFrame(*received));
                }
                (_, Some(StreamError::Open(reason))) => {
                    let end = End::Refused(*reason);
                    stays_shut(stream);
                    return (heard, end);
                }
                _ => panic!("{error}"),
            },
        }
    }
}

/// After a refused frame nothing is read any more.
fn stays_shut(stream: &mut SecretStream<Wire>) {
    loop {
        match stream.read(&mut [0; 16]) {
            Ok(len) => panic!("{len} bytes after a refused frame"),
            Err(error) => match StreamError::of(&error) {
                Some(StreamError::Open(OpenError::AlreadyFailed)) => return,
                Some(other) => panic!("{other}"),
                None => {}
            },
        }
    }
}

/// The other direction, which none of this touches.
fn say(meeting: &Meeting, stream: &mut SecretStream<Wire>, from: usize, len: usize) {
    let data: Vec<u8> = (0..len % 5000).map(|n| n as u8).collect();
    stream.write_all(&data).expect("a wire takes all");
    assert_eq!(meeting.open(1, &stream.get_ref().sent[from..]), data);
}
