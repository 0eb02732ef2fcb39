//! The guide's other ways to connect the two machines: stock WireGuard in sekai's network, then sekai
//! in the host's network.

use e2e::world::VALIDATOR;

use crate::Outcome;
use crate::guide::{Guide, Part};
use crate::stage::Stage;

use super::checks;
use super::folder;
use super::pair::Pair;

/// `wg-quick` of the host: the same program in a container of the host's network, so that what it
/// starts ends with the machine.
const WG_QUICK: &str = "#!/bin/sh
exec docker run --detach --rm --name wg-quick --network host --cap-add NET_ADMIN \\
    --device /dev/net/tun --volume \"$PWD/${2%/*}:/wireguard:ro\" sekin-wireguard
";

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let pair = Pair::create(stage, folder.path())?;
    pair.validator.install("wg-quick", WG_QUICK)?;
    let guide = Guide::read(&pair.validator_kit.path("docs/guide.md"))?;
    let mut validator = pair.validator_shell();
    validator.steps(&guide.part(Part::NewNode)?)?;
    let is_before = |heading: &&crate::document::Step| !heading.command.contains("--profile");
    let before: Vec<_> = guide
        .part(Part::Validator)?
        .into_iter()
        .filter(is_before)
        .collect();
    validator.steps(&before)?;
    validator.steps(&guide.part(Part::StockWireGuard)?)?;
    let mut signer = pair.signer_shell();
    signer.steps(&guide.part(Part::Signer)?)?;
    let address = checks::address(&signer, &pair.signer_kit.deploy().join("tmkms/secrets"))?;
    checks::signs(&validator, &address, 2)?;
    for service in ["wireguard", "sekai"] {
        println!("    {service} is restarted");
        validator.run(&format!(
            "docker compose -f tmkms/wireguard-compose.yml restart {service}"
        ))?;
        checks::signs(&validator, &address, 2)?;
    }
    validator.run("docker compose -f tmkms/wireguard-compose.yml down")?;
    validator.steps(&guide.part(Part::HostNetwork)?)?;
    checks::signs(&validator, &address, 2)?;
    checks::answers(&validator, "127.0.0.1", true)?;
    checks::answers(&validator, &VALIDATOR.to_string(), false)?;
    checks::no_conflict(&signer.run("docker logs sekin-signer-tmkms-1")?)
}
