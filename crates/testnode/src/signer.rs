//! A connected signer, asked as a node asks it.

use std::io::{Read, Write};

use privval::node_side::{self, Answer, Signed};
use privval::{Canonical, Deframer, PublicKey, extension_sign_bytes};
use secret_connection::{Identity, SecretStream};

use crate::error::NodeError;
use crate::verify::verifies;

/// A connected signer.
pub struct Signer {
    stream: Box<dyn Stream>,
    deframer: Deframer,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Signer {
    /// Talks in plain, as over a Unix socket.
    #[must_use]
    pub fn plain(stream: impl Read + Write + Send + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            deframer: Deframer::new(),
        }
    }

    /// Shakes hands first, as over TCP. `ephemeral_secret` is fresh for each connection.
    ///
    /// # Errors
    /// [`NodeError::Handshake`].
    pub fn secret(
        stream: impl Read + Write + Send + 'static,
        identity: &Identity,
        ephemeral_secret: [u8; 32],
    ) -> Result<Self, NodeError> {
        let stream = SecretStream::connect(stream, identity, ephemeral_secret)?;
        Ok(Self::plain(stream))
    }

    /// Sends bytes as they are and returns the next answer.
    ///
    /// # Errors
    /// [`NodeError`] when the connection fails or the answer is broken.
    pub fn ask(&mut self, framed: &[u8]) -> Result<Answer, NodeError> {
        self.send(framed)?;
        Ok(Answer::parse(&self.receive()?))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.stream.write_all(bytes)?;
        self.stream.flush()?;
        Ok(())
    }

    /// Waits for the next message, and returns it without its length prefix.
    ///
    /// # Errors
    /// [`NodeError`] when the connection fails or ends, or no message can be cut out.
    pub fn receive(&mut self) -> Result<Vec<u8>, NodeError> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.deframer.next_message()? {
                return Ok(message);
            }
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(NodeError::Closed {
                    partial: self.deframer.is_mid_message(),
                });
            }
            self.deframer.push(buffer.get(..count).unwrap_or_default());
        }
    }

    /// Asks for the public key.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn public_key(&mut self, chain_id: &str) -> Result<PublicKey, NodeError> {
        match self.ask(&node_side::pub_key_request(chain_id))? {
            Answer::PubKey(key) => Ok(key),
            other => Err(unexpected(other)),
        }
    }

    /// Asks for a signature, and verifies it for what was asked with the timestamp that came
    /// back; that of the extension too, which must be there on a precommit for a block and
    /// nowhere else.
    ///
    /// # Errors
    /// [`NodeError`] when it is refused or does not verify.
    pub fn sign(
        &mut self,
        key: &PublicKey,
        asked: &Canonical,
        extension: &[u8],
    ) -> Result<Signed, NodeError> {
        let answer = match asked {
            Canonical::Vote(vote) => {
                self.ask(&node_side::sign_vote_request(vote, extension, false))?
            }
            Canonical::Proposal(proposal) => {
                self.ask(&node_side::sign_proposal_request(proposal))?
            }
        };
        let signed = match answer {
            Answer::Vote(signed) | Answer::Proposal(signed) => signed,
            other => return Err(unexpected(other)),
        };
        check_signature(key, asked, &signed)?;
        check_extension(key, asked, extension, &signed)?;
        Ok(signed)
    }
}

fn check_signature(key: &PublicKey, asked: &Canonical, signed: &Signed) -> Result<(), NodeError> {
    let mut as_signed = asked.clone();
    match &mut as_signed {
        Canonical::Vote(vote) => vote.timestamp = signed.timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = signed.timestamp,
    }
    if verifies(key, &as_signed.sign_bytes(), &signed.signature) {
        return Ok(());
    }
    Err(NodeError::BadSignature(asked.hrs().to_string()))
}

/// As CometBFT does since 0.38 (`types/vote.go`, `VerifyExtension` and `ValidateBasic`).
fn check_extension(
    key: &PublicKey,
    asked: &Canonical,
    extension: &[u8],
    signed: &Signed,
) -> Result<(), NodeError> {
    let place = asked.hrs();
    let extended = matches!(asked, Canonical::Vote(vote) if vote.may_be_extended());
    if !extended && !signed.extension_signature.is_empty() {
        return Err(NodeError::UnwantedExtensionSignature(place.to_string()));
    }
    let sign_bytes = extension_sign_bytes(asked.chain_id(), place.height, place.round, extension);
    if extended && !verifies(key, &sign_bytes, &signed.extension_signature) {
        return Err(NodeError::BadExtensionSignature(place.to_string()));
    }
    Ok(())
}

fn unexpected(answer: Answer) -> NodeError {
    match answer {
        Answer::Refused { description, .. } => NodeError::Refused(description),
        other => NodeError::Unexpected(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{precommit, prevote};
    use ed25519_dalek::{Signer as _, SigningKey};
    use privval::{ChainId, Height, Reply, Request, Timestamp};
    use std::os::unix::net::UnixStream;

    /// A signer that signs one vote, and as the signature of its extension gives that over
    /// `extension`.
    fn answering(key: SigningKey, extension: &'static [u8]) -> Signer {
        let (node, mut signer) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut deframer = Deframer::new();
            let mut buffer = [0; 4096];
            let message = loop {
                if let Some(message) = deframer.next_message().unwrap() {
                    break message;
                }
                let count = signer.read(&mut buffer).unwrap();
                deframer.push(&buffer[..count]);
            };
            let Request::SignVote(request) = Request::parse(&message) else {
                panic!("not a vote");
            };
            let vote = &request.vote;
            let signature = key.sign(&request.canonical().sign_bytes()).to_bytes();
            let bytes = extension_sign_bytes(&vote.chain_id, vote.height, vote.round, extension);
            let extended = key.sign(&bytes).to_bytes();
            let reply = Reply::signed_vote(&request, vote.timestamp, &signature, Some(&extended));
            signer.write_all(&reply.encode()).unwrap();
        });
        Signer::plain(node)
    }

    fn verdict(vote: fn(&ChainId, Height, Timestamp) -> Canonical, sent: &[u8]) -> String {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = PublicKey::Ed25519(key.verifying_key().to_bytes());
        let asked = vote(
            &ChainId::new("testnet-1").unwrap(),
            Height::FIRST,
            Timestamp::GO_ZERO,
        );
        let signed = answering(key, b"extension").sign(&public, &asked, sent);
        signed.map_or_else(|e| e.to_string(), |_| "verified".to_owned())
    }

    #[test]
    fn extension_of_a_precommit_is_verified_too() {
        assert_eq!(verdict(precommit, b"extension"), "verified");
        assert_eq!(
            verdict(precommit, b"another"),
            "the signature of the extension of 1/0/2 does not verify"
        );
    }

    #[test]
    fn prevote_has_no_extension_to_verify() {
        assert_eq!(verdict(prevote, b""), "verified");
    }

    #[test]
    fn signature_of_another_vote_does_not_verify() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let asked = prevote(
            &ChainId::new("testnet-1").unwrap(),
            Height::FIRST,
            Timestamp::GO_ZERO,
        );
        let other = PublicKey::Ed25519(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        let error = answering(key, b"").sign(&other, &asked, b"").unwrap_err();
        assert_eq!(error.to_string(), "the signature of 1/0/1 does not verify");
    }
}
