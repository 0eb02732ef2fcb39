//! The rules of `deploy/firewall`, loaded by its own scripts.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::{Place, SSH_FROM, SSH_NOT_FROM};
use super::rows::{PRIVVAL, Plan, SSH};
use crate::namespace::run;
use crate::{Outcome, doing};

/// Which firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nft,
    Ufw,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nft => "nftables",
            Self::Ufw => "ufw",
        })
    }
}

/// Rules for one machine of the run.
pub(super) struct Rules<'a> {
    kind: Kind,
    plan: &'a Plan,
    place: &'a Place,
    /// Where the settings are.
    directory: PathBuf,
}

impl<'a> Rules<'a> {
    /// With SSH from one address of each family.
    pub(super) fn new(kind: Kind, plan: &'a Plan, place: &'a Place) -> Outcome<Self> {
        let directory = place.dir.path().join(format!("rules-{kind}"));
        let rules = Self {
            kind,
            plan,
            place,
            directory,
        };
        fs::create_dir_all(&rules.directory).map_err(doing("make a directory"))?;
        match kind {
            Kind::Nft => rules.set(|settings| settings)?,
            Kind::Ufw => rules.own_configuration()?,
        }
        Ok(rules)
    }

    /// Loads them as a person would.
    pub(super) fn apply(&self) -> Outcome {
        run(&mut self.script(), "").map(drop)
    }

    /// What is loaded, without its counters.
    pub(super) fn dump(&self) -> Outcome<String> {
        let machine = &self.place.machine;
        match self.kind {
            Kind::Nft => machine.run("nft", &["--stateless", "list", "table", "inet", "tmkms"]),
            Kind::Ufw => {
                let rules = ["iptables-save", "ip6tables-save"].map(|save| machine.run(save, &[]));
                let [v4, v6] = rules;
                // Comments carry the time.
                let is_rule = |line: &&str| line.starts_with('-');
                let text = v4? + &v6?;
                Ok(text.lines().filter(is_rule).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    /// Takes them away.
    pub(super) fn remove(&self) -> Outcome {
        let machine = &self.place.machine;
        match self.kind {
            Kind::Nft => machine.run("nft", &["delete", "table", "inet", "tmkms"]),
            Kind::Ufw => machine.run("ufw", &["disable"]),
        }
        .map(drop)
    }

    /// Nobody locks himself out.
    pub(super) fn expect_no_lock_out(&self, place: &Place, plan: &Plan) -> Outcome {
        match self.kind {
            Kind::Ufw => self.expect_own_connection_kept(),
            Kind::Nft => {
                self.expect_refusals()?;
                self.expect_rules_go_without_yes()?;
                self.expect_privval_closed_whatever_is_set(place, plan)
            }
        }
    }

    /// The connection over which the script is run gets a rule.
    fn expect_own_connection_kept(&self) -> Outcome {
        let (here, there) = (SSH_NOT_FROM.0, SSH_FROM.0);
        let mut script = self.script();
        run(
            script.env("SSH_CONNECTION", format!("{here} 40000 {there} {SSH}")),
            "",
        )?;
        let status = self.place.machine.run("ufw", &["status"])?;
        if status.contains(&here.to_string()) {
            return Ok(());
        }
        Err(format!(
            "ufw does not let {here} in, from where it was set up:\n{status}"
        ))
    }

    /// Rules that refuse the connection over which they are loaded are not loaded.
    fn expect_refusals(&self) -> Outcome {
        let before = self.dump()?;
        let (v4, v6) = (SSH_NOT_FROM.0.to_string(), SSH_NOT_FROM.1.to_string());
        let (admin, set, set_v6) = (SSH_FROM.0.to_string(), "ssh_from", "ssh_from_v6");
        for (client, port, why) in [
            (&v4, SSH, format!("you come from {v4}, which {set} in")),
            (&v6, SSH, format!("you come from {v6}, which {set_v6} in")),
            (&admin, 2222, "you are connected to port 2222".to_owned()),
        ] {
            let mut script = self.script();
            script.env("SSH_CONNECTION", format!("{client} 40000 {client} {port}"));
            let Err(text) = run(&mut script, "") else {
                return Err(format!("rules that lock {client} out were loaded"));
            };
            if !text.contains("these rules would lock you out: ") || !text.contains(&why) {
                return Err(format!("the reason is not {why:?}: {text}"));
            }
        }
        self.set(|settings| settings.replace("ssh_port = { 22 }", "ssh_port = { twenty-two }"))?;
        let refused = run(&mut self.script(), "");
        self.set(|settings| settings)?;
        match refused {
            Err(text) if text.contains("they were not loaded; look at the settings") => {}
            other => return Err(format!("wrong settings: {other:?}")),
        }
        if self.dump()? == before {
            return Ok(());
        }
        Err("refused rules changed something".to_owned())
    }

    /// Without a `yes`, the rules that were there before come back; with it, the new ones stay.
    fn expect_rules_go_without_yes(&self) -> Outcome {
        let before = self.dump()?;
        self.set(|settings| settings.replace("{ 26656 }", "{ 26656, 443 }"))?;
        let mut script = self.unasked_script();
        if run(script.args(["--seconds", "1"]), "no\n").is_ok() || self.dump()? != before {
            return Err("rules stayed without a yes".to_owned());
        }
        let mut script = self.unasked_script();
        run(script.args(["--seconds", "30"]), "yes\n")?;
        // The signer's rules offer nothing to everybody, whatever the settings say.
        if (self.dump()? != before) != (self.plan.machine == "validator") {
            return Err("rules are not those that got a yes".to_owned());
        }
        self.set(|settings| settings)?;
        self.apply()
    }

    /// 26659 in `public_tcp` opens nothing.
    fn expect_privval_closed_whatever_is_set(&self, place: &Place, plan: &Plan) -> Outcome {
        self.set(|settings| settings.replace("{ 26656 }", &format!("{{ 26656, {PRIVVAL} }}")))?;
        self.apply()?;
        place.expect(plan, "with 26659 in public_tcp")?;
        self.set(|settings| settings)?;
        self.apply()
    }

    fn script(&self) -> Command {
        let mut script = self.unasked_script();
        match self.kind {
            Kind::Nft => {
                script.arg("--yes");
            }
            Kind::Ufw => {
                let (v4, v6) = (SSH_FROM.0.to_string(), SSH_FROM.1.to_string());
                script.args(["--ssh-from", &v4, "--ssh-from", &v6]);
            }
        }
        script
    }

    fn unasked_script(&self) -> Command {
        let name = match self.kind {
            Kind::Nft => "apply",
            Kind::Ufw => "apply-ufw",
        };
        let mut script = self.place.machine.command(&folder().join(name));
        script.arg(self.plan.machine).env_remove("SSH_CONNECTION");
        if self.kind == Kind::Nft {
            script.arg("--directory").arg(&self.directory);
        }
        script
    }

    /// The settings as they are shipped, with SSH from one address of each family, and a change.
    fn set(&self, change: impl FnOnce(String) -> String) -> Outcome {
        let shipped = fs::read_to_string(folder().join("settings.nft"));
        let settings = shipped
            .map_err(doing("read settings.nft"))?
            .replace("{ 0.0.0.0/0 }", &format!("{{ {} }}", SSH_FROM.0))
            .replace("{ ::/0 }", &format!("{{ {} }}", SSH_FROM.1));
        fs::write(self.directory.join("settings.nft"), change(settings))
            .map_err(doing("write settings.nft"))
    }

    /// A configuration of ufw that `ip netns exec` lays over the machine's.
    fn own_configuration(&self) -> Outcome {
        let files = self.place.machine.files();
        fs::create_dir_all(&files).map_err(doing("make a directory"))?;
        let mut copy = Command::new("cp");
        copy.args(["-a", "/etc/ufw", "/etc/default"]).arg(&files);
        run(&mut copy, "").map(drop)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/firewall")
}
