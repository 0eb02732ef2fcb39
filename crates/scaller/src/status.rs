//! `scaller status`: the node and what is around it, as a table.

use std::process::ExitCode;
use std::time::Duration;

use node_rpc::{Answer, Patience, Rpc, Server, text};
use serde_json::Value;

use crate::args::StatusArgs;
use crate::failure::Failure;
use crate::home::Home;

use crate::listener::Stage;

use crate::{Outcome, print};

const PATIENCE: Duration = Duration::from_secs(5);

/// One line of the table.
struct Row {
    name: &'static str,
    status: &'static str,
    detail: String,
}

fn row(name: &'static str, status: &'static str, detail: impl Into<String>) -> Row {
    Row {
        name,
        status,
        detail: detail.into(),
    }
}

/// Exit code 1 if the node's RPC does not answer; what is around it changes nothing there.
pub(crate) fn run(args: &StatusArgs) -> Outcome {
    let rpc = Rpc::new(Server::parse(&args.rpc).map_err(Failure::new)?, PATIENCE);
    let status = rpc.call("/status");
    let mut rows = vec![node(&status)];
    if !args.interx.is_empty() {
        rows.push(interx(&args.interx));
    }
    if let Ok(status) = &status {
        rows.push(peers(&rpc));
        rows.extend(identity(status));
    }
    rows.extend(signer(&Home::new(&args.home.home)));
    print_table(&rows)?;
    Ok(match status {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn node(status: &Result<Value, String>) -> Row {
    match status {
        Err(error) => row("Sekai", "DOWN", error.as_str()),
        Ok(status) => {
            let height = text(status, "/sync_info/latest_block_height");
            let catching_up = status.pointer("/sync_info/catching_up") == Some(&Value::Bool(true));
            let state = if catching_up { "SYNCING" } else { "OK" };
            row("Sekai", state, format!("height {height}"))
        }
    }
}

fn interx(address: &str) -> Row {
    let answer = Server::parse(address)
        .and_then(|server| server.get("/api/status", 1 << 20, Patience(PATIENCE)));
    match answer {
        Ok(Answer { code: 200, .. }) => row("Interx", "OK", "responding"),
        Ok(Answer { code, .. }) => row("Interx", "ERROR", format!("HTTP {code}")),
        Err(error) => row("Interx", "DOWN", error),
    }
}

fn peers(rpc: &Rpc) -> Row {
    match rpc.call("/net_info") {
        Err(_) => row("Peers", "N/A", "cannot fetch"),
        Ok(info) => {
            let count = text(&info, "/n_peers");
            let status = if count == "0" { "WARN" } else { "OK" };
            row("Peers", status, format!("{count} connected"))
        }
    }
}

fn identity(status: &Value) -> [Row; 4] {
    let power = text(status, "/validator_info/voting_power");
    let validator = match power {
        "" | "0" => row("Validator", "INFO", "not active"),
        power => row("Validator", "OK", format!("power {power}")),
    };
    [
        row("Node ID", "INFO", text(status, "/node_info/id")),
        row("Chain", "INFO", text(status, "/node_info/network")),
        row("Moniker", "INFO", text(status, "/node_info/moniker")),
        validator,
    ]
}

/// Where there is a home to read: how it stands with the remote signer. It is seen in the kernel's
/// tables; asking the port would take the signer's place.
fn signer(home: &Home) -> Option<Row> {
    let config = home.config().ok()?;
    let address = match config.signer() {
        Ok(None) => return Some(row("Signer", "INFO", "the node signs by itself")),
        Ok(Some(address)) => address,
        Err(failure) => return Some(row("Signer", "ERROR", failure.to_string())),
    };
    Some(match address.seen() {
        Ok(Stage::Connected | Stage::Running) => row("Signer", "OK", "connected"),
        Ok(Stage::Listening) => row("Signer", "WARN", "the node waits for it"),
        Ok(Stage::Starting) => row("Signer", "DOWN", "the node does not wait for it"),
        Err(error) => row("Signer", "N/A", error.to_string()),
    })
}

fn print_table(rows: &[Row]) -> Result<(), Failure> {
    print("")?;
    print(&format!("{:<10}  {:<11}  DETAIL", "SERVICE", "STATUS"))?;
    print(&format!("{0:-<10}  {0:-<11}  {0:-<30}", ""))?;
    for row in rows {
        let icon = match row.status {
            "OK" => "[+]",
            "DOWN" | "ERROR" => "[X]",
            "WARN" | "SYNCING" => "[!]",
            _ => "[ ]",
        };
        print(&format!(
            "{:<10}  {icon} {:<7}  {}",
            row.name, row.status, row.detail
        ))?;
    }
    print("")
}
