//! `tmkms demo`: the signer at work without a node, a network or a configuration.
//!
//! Everything but the node is what `start` runs: the same configuration, keys, store, guard and
//! sessions. The node is made up ([`testnode`]).

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keys::{
    Algorithm, FilePermissions, Overwrite, generate, generate_identity, write_identity, write_key,
};
use privval::{ChainId, Height, PublicKey, Timestamp};
use tempfile::TempDir;
use testnode::{Listener, precommit, prevote, proposal};

use super::args::DemoArgs;
use super::demo_tunnel::{self, ValidatorSide};
use super::{Failure, Outcome, config};
use crate::config::{Network, Template};
use crate::sandbox::{self, Needs, Threads};
use crate::service::{self, Event, Notify, Sessions};
use crate::signer::{self, BootMemory};

/// How long the node waits for the signer. A real one waits 3 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the demo. Fails unless every signature verified.
pub(super) fn run(args: &DemoArgs, out: &mut dyn Write) -> Outcome {
    args.log.directly()?;
    let home = temporary()?;
    let chain_id = ChainId::new("demo-1")?;
    let node = Listener::tcp()?;
    let local = node
        .tcp_addr()
        .ok_or_else(|| Failure::new("the made-up node has no address"))?;
    let dialled = if args.tunnel {
        demo_tunnel::NODE
    } else {
        local
    };
    make_home(home.path(), &chain_id, &dialled.to_string())?;
    let validator = match args.tunnel {
        true => {
            demo_tunnel::configure(&home.path().join("tmkms.toml"))?;
            Some(ValidatorSide::start(home.path(), local)?)
        }
        false => None,
    };
    writeln!(
        out,
        "A throw-away key, identity, state and tmkms.toml are in {}",
        home.path().display()
    )?;
    writeln!(
        out,
        "A made-up node waits for its signer; this is what the signer logs:\n"
    )?;
    let verified = sign_all(home.path(), &chain_id, &node, args.heights)?;
    if let Some(validator) = validator {
        validator.stop();
    }
    writeln!(
        out,
        "\n{verified} signatures, all verified. A conflicting prevote was refused, as the ERROR \
         line says."
    )?;
    writeln!(out, "{}", if args.tunnel { NEXT_TUNNEL } else { NEXT })?;
    Ok(())
}

const NEXT: &str = "\
Next, for a real node:
  tmkms init DIR -n kira --chain-id CHAIN --addr tcp://NODE:26659
  tmkms softsign import NODE_HOME/config/priv_validator_key.json DIR/secrets/priv_validator_key.json
  tmkms start -c DIR/tmkms.toml
and set priv_validator_laddr = \"tcp://0.0.0.0:26659\" in the node's config.toml.";

const NEXT_TUNNEL: &str = "\
All of it went through WireGuard: from the signer's tunnel over UDP to a gateway, and from there to
the node. Next, for two machines:
  tmkms wireguard pair --endpoint VALIDATOR --signer DIR/wg0.conf
and what it says.";

fn temporary() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("tmkms-demo-")
        .tempdir()
        .map_err(|e| {
            Failure::new(format!(
                "cannot make a temporary directory: {e}. Name a writable one in TMPDIR"
            ))
        })
}

fn make_home(home: &Path, chain_id: &ChainId, addr: &str) -> Outcome {
    let template = Template {
        network: Some(Network::Kira),
        chain_id: chain_id.clone(),
        addr: format!("tcp://{addr}"),
    };
    fs::create_dir(home.join("secrets"))?;
    fs::create_dir(home.join("state"))?;
    let key = generate(Algorithm::Ed25519)?;
    write_key(&home.join(template.key_file()), &key, Overwrite::Refuse)?;
    let identity = home.join(Template::IDENTITY_FILE);
    write_identity(&identity, &*generate_identity()?, Overwrite::Refuse)?;
    fs::write(home.join("tmkms.toml"), template.render())?;
    Ok(())
}

/// Starts the signer as `start` does, and plays the node.
fn sign_all(
    home: &Path,
    chain_id: &ChainId,
    node: &Listener,
    heights: u16,
) -> Result<u32, Failure> {
    let config = config::load(&home.join("tmkms.toml"))?;
    let permissions = FilePermissions::RequirePrivate;
    let tunnels = config::load_tunnels(&config, permissions)?;
    let mut signer = signer::load(&config, permissions, BootMemory::Off)
        .map_err(|errors| Failure::listed(&errors))?;
    let tunnels = Arc::new(tunnels.prepare()?.start()?);
    for node in &mut signer.nodes {
        node.tunnels = Arc::clone(&tunnels);
    }
    let (events, arriving) = service::events();
    // So that an end by Ctrl-C leaves no key behind either.
    let signals = service::on_signals(&events, false)?;
    let mut sessions = Sessions::new(events.clone());
    let (played, ended) = thread::scope(|scope| {
        let served = scope.spawn(move || {
            // What `start` puts the whole process into. Here it protects nothing: it shows that
            // signing goes on in it on this machine.
            sandbox::apply(&Needs::of(&signer.nodes), Threads::Own).tell();
            for node in signer.nodes {
                sessions.add(node)?;
            }
            Ok::<_, Failure>(service::run(sessions, &arriving, None, &Notify::default())?)
        });
        // The connection outlives the play, so that it is the signer that ends it.
        let played = play_node(chain_id, node, heights);
        // Fails when the signer has ended by itself.
        let _ = events.send(Event::Stop(None));
        (played, served.join())
    });
    signals.close();
    let (_connection, verified) = played?;
    ended.map_err(|_| Failure::new("the signer ended with a bug"))??;
    Ok(verified)
}

fn play_node(
    chain_id: &ChainId,
    node: &Listener,
    heights: u16,
) -> Result<(testnode::Signer, u32), Failure> {
    let mut signer = node.accept(PATIENCE)?;
    let key = signer.public_key(chain_id.as_str())?;
    let mut verified = 0;
    for height in 1..=i64::from(heights) {
        let height = Height::try_from(height)?;
        for message in [proposal, prevote, precommit] {
            let signed = signer.sign(&key, &message(chain_id, height, now()), &[])?;
            verified += 1;
            // A precommit for a block carries a signature of its (empty) extension too.
            verified += u32::from(!signed.extension_signature.is_empty());
        }
    }
    must_refuse_a_conflict(&mut signer, &key, chain_id, heights)?;
    Ok((signer, verified))
}

/// Asks for a prevote at a height where the precommit was signed, for another block.
fn must_refuse_a_conflict(
    signer: &mut testnode::Signer,
    key: &PublicKey,
    chain_id: &ChainId,
    height: u16,
) -> Outcome {
    let height = Height::try_from(i64::from(height))?;
    let mut conflicting = prevote(chain_id, height, now());
    if let privval::Canonical::Vote(vote) = &mut conflicting {
        vote.block_id = Some(testnode::block_id("another block"));
    }
    match signer.sign(key, &conflicting, &[]) {
        Err(testnode::NodeError::Refused(_)) => Ok(()),
        Err(e) => Err(e.into()),
        Ok(_) => Err(Failure::new("a conflicting prevote was signed")),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}
