//! docs/cloudflare-cli.md, done against the look-alike: every command in it, with what it prints.

use super::transcript::{Stage, performed};
use super::{assert_fresh, hold, root};
use regex::Regex;
use riposte::simulator::{Options, Plan, Simulator};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Where the page says that the look-alike serves.
const ADDRESS: &str = "127.0.0.1:8787";

/// Where the page says that the token is.
const TOKEN_FILE: &str = "/etc/riposte/cloudflare.token";

/// Ids and times are others each time: ids become numbers in the order of their coming, times one
/// moment. Those that the look-alike always has stay.
struct Steady {
    ids: RefCell<HashMap<String, String>>,
    id: Regex,
    time: Regex,
    day: Regex,
}

impl Steady {
    fn new() -> Self {
        Self {
            ids: RefCell::default(),
            id: Regex::new("[0-9a-f]{32}").unwrap(),
            time: Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?").unwrap(),
            day: Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").unwrap(),
        }
    }

    fn of(&self, text: &str) -> String {
        let mut ids = self.ids.borrow_mut();
        let text = self.id.replace_all(text, |found: &regex::Captures<'_>| {
            let id = found[0].to_owned();
            if id.starts_with("0000") || id.starts_with("0a0a") {
                return id;
            }
            let next = format!("{:032x}", 0xe4a3_0000_0000_u64 + ids.len() as u64);
            ids.entry(id).or_insert(next).clone()
        });
        let text = self.time.replace_all(&text, "2026-11-26T12:00:00");
        self.day.replace_all(&text, "2026-11-26").into_owned()
    }
}

#[test]
fn what_the_page_about_cloudflare_tells_is_what_happens() {
    let options = Options { plan: Plan::Pro, ..Options::new("simulated") };
    let simulator = Simulator::start(0, options, None).unwrap();
    let base = simulator.base();
    let real = base.trim_start_matches("http://").trim_end_matches("/client/v4");
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("cloudflare.token");
    fs::write(&token, "simulated").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let token = token.to_string_lossy();
    let steady = Steady::new();
    let stage = Stage {
        before: &|text| text.replace(ADDRESS, real).replace(TOKEN_FILE, &token),
        after: &|text| steady.of(&text.replace(real, ADDRESS).replace(&*token, TOKEN_FILE)),
    };
    let name = "docs/cloudflare-cli.md";
    let page = fs::read_to_string(root().join(name)).unwrap();
    let mut outdated = Vec::new();
    hold(name, &performed(&page, &stage), &mut outdated);
    assert_fresh(&outdated);
    let commands = page.lines().filter(|line| line.starts_with("$ ")).count();
    assert!(commands > 20, "{commands}");
}
