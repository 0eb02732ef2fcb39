//! `tmkms status`: the text with a running signer, and the live view in a real terminal.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::home::{Home, TMKMS};
use crate::sandbox::left_out;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};
use crate::transcript::transcripts;

transcripts! { "status":
    files_in_the_way
    nobody_there
}

/// Without what differs from run to run: numbers are `N`, and durations `N` with no unit.
fn shape(text: &str) -> String {
    let is_unit = |word: &&str| ["ns", "µs", "ms", "s"].contains(word);
    let shaped = |word: &str| {
        let number = word.trim_end_matches(',');
        let is_number = number.parse::<f64>().is_ok();
        if is_number {
            word.replace(number, "N")
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let words = line.split_whitespace().filter(|word| !is_unit(word));
        words.map(shaped).collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn text_for_people_tells_what_the_signer_does() {
    let home = Home::new();
    let node = node(&home);
    let addr = node.tcp_addr().unwrap();
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let done = home.tmkms(&["status", "-c", "kms/tmkms.toml"]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    let public = keys::show::bech32(&key, "kiravalconspub").unwrap();
    let address = keys::show::address_hex(&key);
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "can sign: tmkms {version}, process N, running for N

chain {CHAIN}: ready
node tcp://{addr}: connected for N
last signed 1/0/2, N ago
heights N of the last N signed
signatures N proposal, N prevote, N precommit
refused none
key {public}
Ed25519, softsign, address {address}
latency median N % longest
decode N N N
commit N N N
sync N N N
sign N N N
write N N N
total N N N
"
    );
    assert_eq!(shape(&done.stdout), expected, "{}", done.stdout);
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn another_user_may_not_ask() {
    let home = Home::new();
    let is_root = rustix::process::geteuid().is_root();
    if left_out((!is_root).then(|| "only root becomes another user".to_owned())) {
        return;
    }
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    let node = node(&home);
    // Even where the directory is open to all.
    home.must("mkdir run && chmod 755 run && printf '[status]\nsocket = \"../run/s\"\n' >> kms/tmkms.toml");
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    connection.public_key(CHAIN).unwrap();
    signer.wait_for("connected to validator");
    let done = home.sh(&format!("{unprivileged}tmkms status -c kms/tmkms.toml"));
    let told = "error: kms/../run/s may not be opened by this user: ask as the user that runs the \
                signer, or as root\n";
    assert_eq!(
        (done.code, done.stdout.as_str(), done.stderr.as_str()),
        (1, "", told)
    );
    assert_eq!(signer.stop().code, 0);
    assert!(!home.path("run/s").exists());
}

/// A terminal of its own, in tmux.
struct Terminal<'a> {
    home: &'a Home,
}

impl<'a> Terminal<'a> {
    /// With a shell in it, 100 columns wide.
    fn open(home: &'a Home) -> Result<Self, String> {
        let terminal = Self { home };
        let done = terminal.tmux("-f /dev/null new-session -d -x 100 -y 30 sh");
        if done.0 == 0 {
            Ok(terminal)
        } else {
            Err(format!("tmux does not run here: {}", done.1))
        }
    }

    fn tmux(&self, arguments: &str) -> (i32, String) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("tmux -S tmux.sock {arguments}")]);
        // Without a locale tmux draws no letter beyond ASCII.
        let prepared = self.home.prepare(&mut command);
        let output = prepared
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm")
            .output()
            .unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), text.into_owned())
    }

    fn type_line(&self, line: &str) {
        assert_eq!(self.tmux(&format!("send-keys '{line}' Enter")).0, 0);
    }

    fn press(&self, key: &str) {
        assert_eq!(self.tmux(&format!("send-keys {key}")).0, 0);
    }

    /// Waits until the screen has a text, and returns the screen.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, screen) = self.tmux("capture-pane -p");
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {text:?} on\n{screen}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    /// The server of this socket, and nobody else's.
    fn drop(&mut self) {
        self.tmux("kill-server");
    }
}

#[test]
fn live_view_follows_the_signer_and_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let node = node(&home);
    let terminal = match Terminal::open(&home) {
        Ok(terminal) => terminal,
        Err(why) => {
            left_out(Some(why));
            return;
        }
    };
    terminal.type_line("PS1=\"prompt \"; stty -a > before; echo earlier");
    terminal.wait_for("prompt");
    terminal.type_line(&format!("{TMKMS} status --watch -c kms/tmkms.toml"));
    terminal.wait_for("no signer runs here");
    let signer = Signer::start(&home, &[]);
    terminal.wait_for("not connected for");
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    for height in 1..=3 {
        sign(&mut connection, &key, height);
        let screen = terminal.wait_for(&format!("last signed  {height}/0/2"));
        let lines: Vec<&str> = screen.lines().collect();
        assert!(lines[0].starts_with("can sign: tmkms "), "{screen}");
        assert!(lines[2] == format!("chain {CHAIN}: ready"), "{screen}");
        assert_eq!(lines.last(), Some(&"q quits"), "{screen}");
        assert!(!screen.contains("earlier"), "{screen}");
    }
    assert_eq!(signer.stop().code, 0);
    terminal.wait_for("no signer runs here");
    let mut watch = format!("{TMKMS} status --watch -c kms/tmkms.toml");
    for end in ["q", "C-c", "SIGTERM"] {
        if end != "SIGTERM" {
            terminal.press(end);
        }
        // The page from before.
        let screen = terminal.wait_for("earlier");
        assert!(!screen.contains("q quits"), "{screen}");
        terminal.type_line("stty -a > after; cmp before after && echo unchanged");
        terminal.wait_for("unchanged");
        if end == "C-c" {
            watch = format!("timeout --foreground 1 {watch}");
        }
        terminal.type_line(&format!("clear; echo earlier; {watch}"));
        terminal.wait_for("q quits");
    }
    terminal.wait_for("earlier");
}
