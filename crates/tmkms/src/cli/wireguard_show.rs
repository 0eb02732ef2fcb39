//! `tmkms wireguard show`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::args_tunnel::ShowArgs;
use super::status::text::{Colour, forward, tunnel};
use super::{Failure, Outcome, config};
use crate::observe::client::{self, AskError};
use crate::observe::document::Document;
use crate::observe::wants_colour;

/// Asks the signer or the gateway, and prints its tunnels.
pub(super) fn run(args: &ShowArgs, out: &mut dyn Write) -> Outcome {
    let answer = match gateway_socket(args)? {
        Some(socket) => client::ask(&socket).map_err(of_gateway)?,
        None => client::ask(&config::status_socket(&args.config.path)?)?,
    };
    let document = answer.document;
    if args.json {
        let told = serde_json::json!({
            "tunnels": document.tunnels,
            "forwards": document.forwards,
        });
        return Ok(writeln!(out, "{told}")?);
    }
    let colour = if wants_colour(&io::stdout()) {
        Colour::On
    } else {
        Colour::Off
    };
    Ok(write!(out, "{}", rendered(&document, colour))?)
}

fn gateway_socket(args: &ShowArgs) -> Result<Option<PathBuf>, Failure> {
    if let Some(socket) = &args.socket {
        return Ok(Some(socket.clone()));
    }
    let Some(file) = &args.gateway else {
        return Ok(None);
    };
    let socket = config::load_gateway(file)?.status_socket();
    socket.map(Some).ok_or_else(|| {
        Failure::new(format!(
            "{} says [status] socket = \"off\": without a socket the gateway cannot be asked. \
             Remove that line and restart the gateway",
            file.display()
        ))
    })
}

fn of_gateway(error: AskError) -> Failure {
    match error {
        AskError::NoSocket(path) | AskError::Abandoned(path) => Failure::new(format!(
            "no gateway answers at {}: it does not run here, or its log says why it has no status \
             socket. One in a container is asked in that container",
            path.display()
        )),
        other => other.into(),
    }
}

fn rendered(document: &Document, colour: Colour) -> String {
    if document.tunnels.is_empty() {
        return "no tunnels: tmkms.toml names none\n".to_owned();
    }
    let tunnels = document.tunnels.iter().map(|one| tunnel(one, colour));
    let forwards = document.forwards.iter().map(|one| forward(one, colour));
    let parts: Vec<String> = tunnels.chain(forwards).collect();
    parts.join("\n")
}
