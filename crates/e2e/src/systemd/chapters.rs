//! What is done on the machine, one chapter after the other.

use std::time::Duration;

use super::boot::Machine;
use super::node;
use crate::Outcome;
use crate::machine::Slack;
use crate::wait::{pause, until};

/// Something to do, and what it shows.
pub(super) struct Chapter {
    pub(super) name: &'static str,
    pub(super) play: fn(&Machine) -> Outcome,
}

const fn chapter(name: &'static str, play: fn(&Machine) -> Outcome) -> Chapter {
    Chapter { name, play }
}

/// All of them; each stands on those before it.
pub(super) const CHAPTERS: &[Chapter] = &[
    chapter(
        "install puts units and users there, and says what comes next",
        install,
    ),
    chapter("verify and security find the units in order", analyze),
    chapter(
        "a signer without configuration is not started",
        unconfigured,
    ),
    chapter(
        "the signer is set up as its user, started, and signs",
        start,
    ),
    chapter("its sandbox is on, and its files are read-only", sandbox),
    chapter("killed, it is back and refuses what it signed", killed),
    chapter(
        "it says that it is ready, and reads its configuration again",
        reload,
    ),
    chapter("one that could not answer is started again", watchdog),
    chapter("installed again, nothing of it is touched", install_again),
    chapter("an encrypted key is opened with a credential", credential),
    chapter(
        "signer and gateway meet in a tunnel, each in its unit",
        gateway,
    ),
    chapter(
        "stopped, it ends cleanly, and what it signed is remembered",
        stop,
    ),
    chapter("the firewall is loaded by its unit", firewall),
    chapter("uninstall takes the program and keeps the keys", uninstall),
    chapter(
        "the package takes up where the script left off, and goes without the keys",
        package,
    ),
];

const HOME: &str = "/var/lib/tmkms";
const KEY: &str = "/var/lib/tmkms/secrets/priv_validator_key.json";
/// The highest exposure that is accepted, in tenths: docs/systemd.md has the figure.
const EXPOSURE: &str = "12";
/// How long what takes a moment may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn expect(text: &str, part: &str) -> Outcome {
    if text.contains(part) {
        return Ok(());
    }
    Err(format!("{part:?} is not in {text:?}"))
}

fn script(machine: &Machine, name: &str) -> String {
    format!("{}/deploy/systemd/{name}", machine.repository.display())
}

fn install(machine: &Machine) -> Outcome {
    let line = format!(
        "{} {}",
        script(machine, "install"),
        machine.signer.display()
    );
    let said = machine.run(&line)?;
    expect(
        &said,
        "as /usr/local/bin/tmkms, with tmkms.service and tmkms-gateway.service",
    )?;
    expect(&said, "sudo -u tmkms tmkms init /var/lib/tmkms -n kira")?;
    for user in ["tmkms", "tmkms-gateway"] {
        let home = machine.run(&format!("stat --format '%U %G %a' /var/lib/{user}"))?;
        expect(&home, &format!("{user} {user} 700"))?;
        machine.refuses(&format!("su {user} -c true"))?;
    }
    Ok(())
}

fn analyze(machine: &Machine) -> Outcome {
    for unit in ["tmkms", "tmkms-gateway"] {
        // The pages of the manual come with the package.
        machine.run(&format!(
            "systemd-analyze verify --man=no /etc/systemd/system/{unit}.service"
        ))?;
        machine.run(&format!(
            "systemd-analyze security --no-pager --threshold={EXPOSURE} {unit}.service"
        ))?;
    }
    Ok(())
}

fn unconfigured(machine: &Machine) -> Outcome {
    machine.run("systemctl start tmkms tmkms-gateway")?;
    let state = machine.run("systemctl is-active tmkms tmkms-gateway || true")?;
    expect(&state, "inactive\ninactive")
}

fn start(machine: &Machine) -> Outcome {
    let chain = node::CHAIN;
    machine.run_as(
        "tmkms",
        &format!("tmkms init {HOME} -n kira --chain-id {chain} --addr tcp://127.0.0.1:26659"),
    )?;
    machine.run_as("tmkms", &format!("tmkms softsign keygen {KEY}"))?;
    machine.run_as("tmkms", &format!("tmkms config check -c {HOME}/tmkms.toml"))?;
    machine.run(&format!(
        "printf '\\n[audit]\\nfile = \"audit/audit.log\"\\n' >>{HOME}/tmkms.toml"
    ))?;
    machine.run("systemctl enable --now tmkms")?;
    node::sign(machine, 1, 3)?;
    let status = machine.run_as(
        "tmkms",
        &format!("tmkms status -c {HOME}/tmkms.toml || true"),
    )?;
    expect(&status, "3 proposals, 3 prevotes, 3 precommits")
}

fn sandbox(machine: &Machine) -> Outcome {
    let journal = machine.journal();
    expect(&journal, "sandbox: files (reads ")?;
    expect(
        &journal,
        "TCP (dials ports 26659), system calls are restricted",
    )?;
    // It may be more memory than this machine lets anybody lock, but never a call that is missing.
    for wrong in ["WARN tmkms::sandbox", "os error 38", "os error 1)"] {
        if journal.contains(wrong) {
            return Err(format!("{wrong:?} is in the log:\n{journal}"));
        }
    }
    let process = machine.process("tmkms")?;
    let inside = format!("nsenter --mount --target {process} setpriv --reuid tmkms --regid tmkms");
    let state = format!("{HOME}/state/probe");
    machine.run(&format!(
        "{inside} --clear-groups touch {state} && rm {state}"
    ))?;
    for closed in [
        &format!("touch {HOME}/probe"),
        &format!("touch {KEY}"),
        "touch /etc/probe",
    ] {
        let said = machine.refuses(&format!("{inside} --clear-groups {closed}"))?;
        expect(&said, "Read-only file system")?;
    }
    let rights = machine.run(&format!("cat /proc/{process}/status"))?;
    expect(&rights, "CapBnd:\t0000000000000000")?;
    expect(&rights, "NoNewPrivs:\t1")
}

fn killed(machine: &Machine) -> Outcome {
    let first = machine.process("tmkms")?;
    machine.run("systemctl kill --signal SIGKILL tmkms")?;
    until("the signer is back", Slack::now().grown(PATIENCE), || {
        let now = machine.process("tmkms").ok()?;
        (now != first).then_some(())
    })?;
    node::sign(machine, 4, 4)?;
    let why = node::refused(machine, 2)?;
    expect(&why, "2/0/0")
}

fn reload(machine: &Machine) -> Outcome {
    let property =
        |name: &str| machine.run(&format!("systemctl show --property {name} --value tmkms"));
    expect(&property("Type")?, "notify")?;
    expect(&property("StatusText")?, "signing for 1 chain")?;
    let process = machine.process("tmkms")?;
    machine.run("systemctl reload tmkms")?;
    let applied = || {
        let journal = machine.journal();
        journal.contains("tmkms.toml is applied").then_some(())
    };
    until("it was read again", Slack::now().grown(PATIENCE), applied)?;
    if machine.process("tmkms")? == process {
        return Ok(());
    }
    Err("a reload restarted the signer".to_owned())
}

fn watchdog(machine: &Machine) -> Outcome {
    // The unit's own half a minute is for real machines.
    let dropped_in = "/run/systemd/system/tmkms.service.d";
    machine.run(&format!(
        "mkdir -p {dropped_in}
         printf '[Service]\\nWatchdogSec=3\\n' >{dropped_in}/test.conf
         systemctl daemon-reload
         systemctl restart tmkms"
    ))?;
    let frozen = machine.process("tmkms")?;
    machine.run(&format!("kill -s STOP {frozen}"))?;
    until("another signer runs", Slack::now().grown(PATIENCE), || {
        let now = machine.process("tmkms").ok()?;
        (now != frozen).then_some(())
    })?;
    expect(&machine.journal(), "Watchdog timeout")?;
    machine
        .run(&format!(
            "rm -r {dropped_in} && systemctl daemon-reload && systemctl restart tmkms"
        ))
        .map(drop)
}

fn install_again(machine: &Machine) -> Outcome {
    let sums = format!("cd {HOME} && sha256sum tmkms.toml secrets/*");
    let (before, process) = (machine.run(&sums)?, machine.process("tmkms")?);
    let line = format!(
        "{} {}",
        script(machine, "install"),
        machine.signer.display()
    );
    expect(&machine.run(&line)?, "Next: systemctl restart tmkms")?;
    if machine.run(&sums)? != before || machine.process("tmkms")? != process {
        return Err("the second install touched the signer".to_owned());
    }
    machine.run("systemctl restart tmkms")?;
    node::sign(machine, 5, 5)
}

fn credential(machine: &Machine) -> Outcome {
    machine.run("systemctl stop tmkms")?;
    machine.run(&format!(
        "install -d -m 0700 /etc/credstore.encrypted
         printf 'correct horse battery staple\\n' >/root/passphrase
         systemd-creds encrypt --name=tmkms-passphrase /root/passphrase \
             /etc/credstore.encrypted/tmkms-passphrase
         install -m 0600 -o tmkms /root/passphrase {HOME}/passphrase && rm /root/passphrase"
    ))?;
    let line = format!("tmkms key encrypt --passphrase-file {HOME}/passphrase {KEY}");
    machine.run_as("tmkms", &line)?;
    machine.run(&format!(
        "rm {HOME}/passphrase
         sed -i '/^path = /a passphrase_credential = \"tmkms-passphrase\"' {HOME}/tmkms.toml
         systemctl start tmkms"
    ))?;
    node::sign(machine, 6, 6)
}

fn gateway(machine: &Machine) -> Outcome {
    let pair = format!(
        "tmkms wireguard pair --endpoint 127.0.0.1:51820 --signer {HOME}/wg0.conf \
         --validator {HOME}/validator-wg0.conf"
    );
    machine.run_as("tmkms", &pair)?;
    let gateway = "/var/lib/tmkms-gateway";
    machine.run(&format!(
        "install -m 0600 -o tmkms-gateway {HOME}/validator-wg0.conf {gateway}/wg0.conf
         rm {HOME}/validator-wg0.conf
         printf '[wireguard]\nconfig = \"wg0.conf\"\n[[forward]]\nupstream = \"127.0.0.1:26659\"\n' \
             >{gateway}/gateway.toml
         sed -i s/127.0.0.1:26659/10.200.0.1:26659/ {HOME}/tmkms.toml
         printf '\n[wireguard]\nconfig = \"wg0.conf\"\n' >>{HOME}/tmkms.toml
         systemctl start tmkms-gateway
         systemctl restart tmkms"
    ))?;
    node::sign(machine, 7, 7)?;
    machine.run("systemctl stop tmkms-gateway")?;
    machine.run(&format!(
        "sed -i s/10.200.0.1:26659/127.0.0.1:26659/ {HOME}/tmkms.toml
         sed -i '/^\\[wireguard\\]$/,$d' {HOME}/tmkms.toml
         systemctl restart tmkms"
    ))?;
    node::sign(machine, 8, 8)
}

fn stop(machine: &Machine) -> Outcome {
    machine.run("systemctl stop tmkms")?;
    let result = machine.run("systemctl show --property Result --value tmkms")?;
    expect(&result, "success")?;
    let journal = machine.journal();
    expect(&journal, "SIGTERM: finishing the requests in hand")?;
    let audit = machine.run_as(
        "tmkms",
        &format!("tmkms audit verify {HOME}/audit/audit.log"),
    )?;
    expect(&audit, ", whole")?;
    // A state that is put back is noticed: the memory of this boot outlives the service.
    machine.run("test -n \"$(ls /dev/shm/tmkms-$(id -u tmkms))\"")?;
    let shown = machine.run_as("tmkms", &format!("tmkms state show -c {HOME}/tmkms.toml"))?;
    expect(&shown, "last signed: h/r/s ")
}

fn firewall(machine: &Machine) -> Outcome {
    let apply = format!("{}/deploy/firewall/apply", machine.repository.display());
    let said = machine.run(&format!("{apply} signer --yes"))?;
    expect(
        &said,
        "They are loaded at each boot (tmkms-firewall.service)",
    )?;
    machine.run("systemd-analyze verify --man=no /etc/systemd/system/tmkms-firewall.service")?;
    machine.run("systemctl stop tmkms-firewall")?;
    machine.refuses("nft list table inet tmkms")?;
    machine.run("systemctl start tmkms-firewall && systemctl reload tmkms-firewall")?;
    let rules = machine.run("nft list chain inet tmkms input")?;
    expect(&rules, "policy drop")?;
    machine.run("systemctl disable --now tmkms-firewall")?;
    machine.refuses("nft list table inet tmkms").map(drop)
}

fn uninstall(machine: &Machine) -> Outcome {
    machine.run("systemctl start tmkms")?;
    pause(Duration::from_millis(200))?;
    let said = machine.run(&script(machine, "uninstall"))?;
    expect(
        &said,
        "Kept /var/lib/tmkms, with its keys and what they signed",
    )?;
    machine.refuses("pidof tmkms")?;
    machine.refuses(
        "ls /etc/systemd/system/tmkms.service /etc/systemd/system/tmkms-gateway.service",
    )?;
    machine.run(&format!("test -s {KEY} && test -s {HOME}/tmkms.toml"))?;
    // Twice is once.
    machine.run(&script(machine, "uninstall")).map(drop)
}

fn package(machine: &Machine) -> Outcome {
    // Without triggers: the index of the manual is not ours, and takes long.
    machine.run(&format!(
        "dpkg --no-triggers --install {}",
        machine.package.display()
    ))?;
    machine.run("systemd-analyze verify /usr/lib/systemd/system/tmkms.service")?;
    machine.run("man --where tmkms tmkms-start && test -x /usr/share/tmkms/firewall/apply")?;
    machine.run("systemctl enable --now tmkms")?;
    node::sign(machine, 9, 9)?;
    let process = machine.process("tmkms")?;
    let said = machine.run(&format!(
        "dpkg --no-triggers --install {}",
        machine.package.display()
    ))?;
    expect(&said, "when you are ready: systemctl restart tmkms")?;
    if machine.process("tmkms")? != process {
        return Err("an update restarted the signer".to_owned());
    }
    machine.run("dpkg --remove tmkms")?;
    machine.refuses("pidof tmkms")?;
    machine.refuses("test -e /usr/bin/tmkms")?;
    let said = machine.run("dpkg --purge tmkms")?;
    expect(
        &said,
        "kept /var/lib/tmkms, with its keys and what they signed",
    )?;
    machine.run(&format!("test -s {KEY}")).map(drop)
}
