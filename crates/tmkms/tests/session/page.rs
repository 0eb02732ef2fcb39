//! The page, in a real browser.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Asker, Browser, CHAIN, PATIENCE, get, get_when, left_out_without, precommit, prevote, proposal,
};
use crate::tunnelled::Measured;

/// Every text on the page with less contrast to what is behind it than WCAG 2.2 asks for (AA).
const PALE: &str = r#"
const luminance = c => {
  const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = text => text.match(/[\d.]+/g).map(Number);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
  }
  return [255, 255, 255];
};
const pale = [];
let seen = 0;
const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest("svg, script, style")) continue;
  seen += 1;
  const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) pale.push(walker.currentNode.data.trim() + ": " + contrast.toFixed(2));
}
return { seen, pale };
"#;

/// What a screen reader goes by.
const SEMANTICS: &str = r#"
const wrong = [];
for (const table of document.querySelectorAll("table")) {
  if (!table.caption?.textContent) wrong.push("a table without a caption");
  for (const head of table.querySelectorAll("th")) if (!head.scope) wrong.push("th without scope: " + head.textContent);
  for (const row of table.tBodies[0].rows) if (!row.classList.contains("note") && row.cells[0].tagName !== "TH") wrong.push("a row without a head");
}
for (const svg of document.querySelectorAll("svg")) if (svg.getAttribute("role") !== "img" || !svg.getAttribute("aria-label")) wrong.push("a picture without words");
if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
if (document.documentElement.lang !== "en") wrong.push("no language");
return { tables: document.querySelectorAll("table").length, pictures: document.querySelectorAll("svg").length, wrong };
"#;

/// 130 heights of which some are missed and some have no precommit, and a refusal.
fn sign_much(asker: &mut Asker) {
    for height in 1..=130 {
        if [70, 71, 104].contains(&height) {
            continue;
        }
        asker.sign(&prevote(height, "a"));
        if height != 88 {
            asker.sign(&precommit(height, "a"));
        }
    }
    asker.sign(&proposal(131, "a"));
    asker.sign(&precommit(131, "a"));
    asker.refused(&precommit(131, "b"));
}

fn check(browser: &Browser, at: SocketAddr, scheme: &str, width: u32) -> Vec<u8> {
    browser.look(scheme, width);
    browser.open(&format!("http://{at}/"));
    let told = browser.run("return [getComputedStyle(document.body).backgroundColor, document.documentElement.scrollWidth]");
    let back = if scheme == "dark" {
        "rgb(20, 23, 26)"
    } else {
        "rgb(244, 245, 247)"
    };
    assert_eq!(told[0], back, "{scheme}");
    assert!(
        told[1].as_u64().unwrap() <= u64::from(width),
        "{scheme}: {width} px hold {told}"
    );
    let contrast = browser.run(PALE);
    assert!(contrast["seen"].as_u64().unwrap() > 60, "{contrast}");
    assert_eq!(contrast["pale"], json!([]), "{scheme}");
    let semantics = browser.run(SEMANTICS);
    assert_eq!(semantics["wrong"], json!([]), "{scheme}");
    assert!(
        semantics["tables"].as_u64().unwrap() >= 3 && semantics["pictures"] == 2,
        "{semantics}"
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{scheme}-{width}.png"));
    browser.picture(&file)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn page_is_legible_in_light_and_dark_wide_and_narrow_and_follows_the_signer() {
    if left_out_without(&["chromedriver", "chromium"]) {
        return;
    }
    let mut signer = Measured::new();
    let at = signer.tmkms.metrics();
    sign_much(&mut signer.asker);
    get_when(at, "/", |got| {
        got.body.contains("131/0/2") && got.body.contains("Refusals")
    });
    let browser = Browser::start();
    let light = check(&browser, at, "light", 1_000);
    let dark = check(&browser, at, "dark", 1_000);
    assert!(light.starts_with(b"\x89PNG") && dark.starts_with(b"\x89PNG") && light != dark);
    check(&browser, at, "dark", 400);
    check(&browser, at, "light", 400);
    let strip = browser.run(
        "return ['signed', 'part', 'missed', 'none'].map(c => document.querySelectorAll('.strip .' + c).length)",
    );
    assert_eq!(strip, json!([96, 1, 3, 0]));
    // The script brings the new numbers without a new page.
    browser.run("window.marked = true");
    signer.asker.sign(&precommit(132, "a"));
    let shows = |text: &str| {
        let script = format!(
            "return window.marked && document.body.innerText.includes({})",
            json!(text)
        );
        browser.run(&script) == Value::Bool(true)
    };
    wait_until("the next height is on the page", || shows("132/0/2"));
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let hidden = || browser.run("return document.getElementById('stale').hidden");
    assert_eq!(hidden(), Value::Bool(true));
    drop(signer.asker);
    signer.tmkms.stop();
    wait_until("the page says that it is old", || {
        hidden() == Value::Bool(false)
    });
    assert!(shows("132/0/2"), "the last numbers stay");
}

#[test]
fn numbers_are_there_without_a_script() {
    let mut signer = Measured::new();
    let at = signer.tmkms.metrics();
    sign_much(&mut signer.asker);
    let got = get_when(at, "/", |got| got.body.contains("Refusals"));
    let (page, _) = got.body.split_once("<script>").unwrap();
    for part in [
        CHAIN,
        "<dt>Last signed</dt><dd>131/0/2</dd>",
        "<dt>Missed heights</dt><dd>4</dd>",
        "96 of the last 100 heights signed, up to 131",
        "<title>104: missed</title>",
        "<title>88: no precommit</title>",
        "<th scope=\"row\">tcp://10.200.0.1:26659</th>",
        "connected",
        "<caption>Latency by stage</caption>",
        "<th scope=\"row\">conflict</th><td>1</td>",
        "Tunnel wg0",
        "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let policy = "Content-Security-Policy: default-src 'none'; style-src 'sha256-";
    assert!(got.head.contains(policy), "{}", got.head);
    assert!(get(at, "/").head.contains("X-Frame-Options: DENY"));
}
