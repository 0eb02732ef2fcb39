//! What the chain of a node in a container says: how far it is, and who signed its blocks.

use std::time::Duration;

use e2e::wait::until;
use serde_json::Value;

use crate::Outcome;
use crate::shell::Shell;

/// How long the next blocks may take. sekaid waits 5 s between blocks unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(90);
/// The container of the node.
const NODE: &str = "sekin-sekai-1";

/// The last block, `None` if the node does not answer.
pub fn height(shell: &Shell<'_>) -> Option<u64> {
    let said = shell
        .run(&format!("docker exec {NODE} /sekaid status 2>&1"))
        .ok()?;
    let status: Value = serde_json::from_str(said.trim()).ok()?;
    let height = status.pointer("/SyncInfo/latest_block_height")?.as_str()?;
    height.parse().ok()
}

/// Waits until there are `count` blocks more than now, or since the node answers.
///
/// # Errors
/// When they do not come.
pub fn grows(shell: &Shell<'_>, count: u64) -> Outcome<u64> {
    let mut first = None;
    until(&format!("{count} more blocks"), PATIENCE, || {
        std::thread::sleep(Duration::from_millis(200));
        let now = height(shell)?;
        let first = *first.get_or_insert(now);
        (now >= first + count).then_some(now)
    })
}

/// Checks that the blocks up to the last but one are signed with the key of that address, which is
/// hexadecimal. The last one's signatures are in the next.
///
/// # Errors
/// The block that is not.
pub fn is_signed_by(shell: &Shell<'_>, address: &str, from: u64, to: u64) -> Outcome {
    for height in from.max(1)..to {
        let next = height + 1;
        let said = shell.run(&format!("docker exec {NODE} /sekaid query block {next}"))?;
        let block: Value = serde_json::from_str(said.trim()).map_err(|e| format!("{e}: {said}"))?;
        let signatures = block.pointer("/block/last_commit/signatures");
        let signatures = signatures
            .and_then(Value::as_array)
            .ok_or("a block without signatures")?;
        let is_his = |signature: &Value| {
            let whose = signature
                .pointer("/validator_address")
                .and_then(Value::as_str);
            let flag = signature.pointer("/block_id_flag").and_then(Value::as_u64);
            whose == Some(address) && flag == Some(2)
        };
        if !signatures.iter().any(is_his) {
            return Err(format!(
                "block {height} is not signed by {address}: {signatures:?}"
            ));
        }
    }
    Ok(())
}
