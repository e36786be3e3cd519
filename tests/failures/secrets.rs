//! Secrets around a running daemon: planted ones are found nowhere, a vault that is down holds up
//! only what needs it, a rotated token is tried before it is used.

use crate::support::trouble::{address, attack};
use crate::support::{Daemon, Place, line};
use riposte::simulator::{Fault, FaultKind, Options, Simulator, TokenGrant};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| { block(hit.ip, "1h"); notify("ops", `${hit.ip} was blocked`); webhook("keyed", #{ a: 1 }); });
rule("nap").on("http").when(|e| e.path == "/nap").by("ip").then(|hit| exec("nap", []));
"#;

/// A token of each kind of Cloudflare's: as they were, a user's, an account's, a global key's.
const TOKENS: [&str; 4] = [
    "Pl4ntedOldToken0123456789abcdefghijklmno",
    "cfut_Pl4ntedUserToken789abcdefghijklmnopqrstuv01",
    "cfat_Pl4ntedAccountToken9abcdefghijklmnopqrstu02",
    "cfk_Pl4ntedGlobalKey789abcdefghijklmnopqrstuvw03",
];
const HOOK_PATH: &str = "pl4nted-hook-path";
const HOOK_KEY: &str = "pl4nted-hook-key";
const HOOK_WORD: &str = "Bearer pl4nted-hook-word";
const VAULT_TOKEN: &str = "hvs.pl4nted-vault-token";

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server that answers every request as the function says: the path to a status and a body.
/// `None` closes without a word.
fn server(answer: impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    if first.is_empty() {
                        first = line;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = first.split(' ').nth(1).unwrap_or_default();
                if let Some((status, body)) = answer(path) {
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    // Who has gone away needs no answer.
                    stream.write_all(format!("{head}{body}").as_bytes()).ok();
                }
            });
        }
    });
    url
}

/// A vault whose one secret has this token as its field; nothing is answered while it is absent.
fn vault(token: &Arc<Mutex<Option<String>>>) -> String {
    let token = Arc::clone(token);
    server(move |path| {
        let token = token.lock().unwrap().clone()?;
        Some(match path {
            "/v1/auth/token/lookup-self" => (200, r#"{"data":{"ttl":0}}"#.to_owned()),
            "/v1/kv/riposte" => (200, format!(r#"{{"data":{{"token":"{token}"}}}}"#)),
            _ => (404, r#"{"errors":[]}"#.to_owned()),
        })
    })
}

fn with_vault(root: &Path, simulator: &Simulator, vault: &str) -> Place {
    private(&root.join("vault.token"), VAULT_TOKEN);
    let more = format!(
        "[[actions.cloudflare]]\ntoken = \"vault:kv/riposte#token\"\napi = \"{}\"\nmark = \"web1\"\ncoalesce = \"50ms\"\n[vaults]\nreread = \"5s\"\n[vaults.vault]\naddress = \"{vault}\"\ntoken = \"file:{}/vault.token\"\n[[actions.webhooks]]\nname = \"keyed\"\nurl = \"http://127.0.0.1:9/\"\n[[actions.channels]]\nname = \"ops\"\nto = \"log\"\n[[actions.programs]]\nname = \"nap\"\nargv = [\"/bin/true\"]\n",
        simulator.base(),
        root.display()
    );
    Place::new(root, "p", RULES, &more)
}

fn quick(tokens: &[&str]) -> Simulator {
    let grant = |token: &&str| TokenGrant {
        token: (*token).to_owned(),
        of_account: false,
        permissions: None,
    };
    let tokens = tokens.iter().map(grant).collect();
    let options = Options { bulk_takes: Duration::from_millis(50), tokens, ..Options::new("") };
    Simulator::start(0, options, None).unwrap()
}

fn is_blocked(simulator: &Simulator, number: usize) -> bool {
    simulator.blocked("example.com").contains(&address(number))
}

#[test]
fn a_start_without_the_vault_holds_up_only_what_needs_it_and_a_new_token_is_tried_first() {
    let minute = Duration::from_mins(1);
    let root = tempfile::tempdir().unwrap();
    let simulator = quick(&TOKENS[..2]);
    let token = Arc::new(Mutex::new(None));
    let place = with_vault(root.path(), &simulator, &vault(&token));
    let daemon = place.start_and_wait();
    place.append(&attack(&address(1)));
    place.wait(minute, "the missing secret is told", || {
        place.ask(&["status"]).contains("vault:kv/riposte: missing, what needs it waits")
    });
    assert!(
        place
            .status()
            .metrics
            .iter()
            .any(|(name, value)| { name == "riposte_secrets_in_trouble" && *value == 1 })
    );
    place.wait(minute, "the rest runs", || place.hits("three").len() == 1);
    assert_eq!(simulator.calls(), 0);
    assert!(place.ask(&["doctor"]).contains("can't be reached"));

    *token.lock().unwrap() = Some(TOKENS[0].to_owned());
    place.wait(minute, "it is blocked when the token comes", || is_blocked(&simulator, 1));

    // What the vault has next is refused by Cloudflare: the old one stays in use.
    let daemon = rotated(&place, &simulator, &token, daemon);

    // The vault falls: what is known is used, and it is told.
    *token.lock().unwrap() = None;
    place.wait(minute, "the fall is told", || {
        place.ask(&["status"]).contains("vault:kv/riposte: an older value is used")
    });
    place.append(&attack(&address(4)));
    place.wait(minute, "blocks go on", || is_blocked(&simulator, 4));
    daemon.terminate();
    for secret in [TOKENS[0], TOKENS[1], "a-bad-token", VAULT_TOKEN] {
        nowhere(root.path(), secret, &["vault.token"]);
    }
}

/// A bad token and then a good one come from the vault.
fn rotated(
    place: &Place,
    simulator: &Simulator,
    token: &Mutex<Option<String>>,
    daemon: Daemon,
) -> Daemon {
    let minute = Duration::from_mins(1);
    *token.lock().unwrap() = Some("a-bad-token".to_owned());
    place.wait(minute, "it is read again", || place.log().contains("a secret has changed"));
    place.append(&attack(&address(2)));
    place.wait(minute, "the old token blocks on", || is_blocked(simulator, 2));
    assert!(place.log().contains("does not accept the new one"), "{}", place.log());
    *token.lock().unwrap() = Some(TOKENS[1].to_owned());
    let changed = || place.log().matches("a secret has changed").count() == 2;
    place.wait(minute, "it is read again", changed);
    place.append(&attack(&address(3)));
    place.wait(minute, "the new token blocks", || is_blocked(simulator, 3));
    place.wait(minute, "it is told", || {
        place.log().contains("the token was changed, and the new one is used")
    });
    daemon
}

/// The daemon with all kinds of secrets, its log at its most talkative.
fn planted(root: &Path, token: &str) -> (Place, Simulator) {
    let simulator = Simulator::start(
        0,
        Options { bulk_takes: Duration::from_millis(50), ..Options::new(token) },
        Some(&root.join("transcript")),
    )
    .unwrap();
    private(&root.join("cloudflare.token"), token);
    private(&root.join("hook.word"), HOOK_WORD);
    let hook = server(|_| Some((500, format!("no {HOOK_WORD} {HOOK_KEY}"))));
    private(&root.join("hook.url"), &format!("{hook}/{HOOK_PATH}"));
    let file = |name: &str| format!("\"file:{}\"", root.join(name).display());
    let more = format!(
        "[[actions.cloudflare]]\ntoken = {}\napi = \"{}\"\nmark = \"web1\"\ncoalesce = \"50ms\"\n[[actions.webhooks]]\nname = \"keyed\"\nurl = {}\nsecret = \"env:HOOK_KEY\"\nauthorization = {}\nattempts = 2\n[[actions.channels]]\nname = \"ops\"\nto = \"webhook:keyed\"\n[[actions.programs]]\nname = \"nap\"\nargv = [\"/bin/sleep\", \"300\"]\ntimeout = \"10m\"\n",
        file("cloudflare.token"),
        simulator.base(),
        file("hook.url"),
        file("hook.word")
    );
    (Place::new(root, "p", RULES, &more), simulator)
}

/// Panics where a file below a folder, other than those, holds a secret.
#[track_caller]
fn nowhere(dir: &Path, secret: &str, but: &[&str]) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            nowhere(&path, secret, but);
        } else if path.is_file() && !but.contains(&name.as_str()) {
            let bytes = fs::read(&path).unwrap();
            let found = memmem(&bytes, secret.as_bytes());
            assert!(!found, "`{secret}` stands in {}", path.display());
        }
    }
}

fn memmem(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The processes that a process has started, and theirs.
fn descendants(of: u32) -> BTreeSet<u32> {
    let mut all = BTreeSet::from([of]);
    loop {
        let before = all.len();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            let parent = after.split(' ').nth(1).and_then(|parent| parent.parse().ok());
            if parent.is_some_and(|parent: u32| all.contains(&parent)) {
                all.insert(pid);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

#[test]
fn a_secret_that_was_written_out_is_not_repeated() {
    const OUT: &str = "pl4nted-written-out";
    for more in [
        format!("[[actions.cloudflare]]\ntoken = \"{OUT}\""),
        format!("[[actions.cloudflare]]\ntokn = \"{OUT}\""),
        format!("[[actions.cloudflare]]\ntoken = {OUT}"),
        format!("[[actions.webhooks]]\nname = \"a\"\nurl = \"{OUT}\""),
        format!("[vaults.vault]\naddress = \"https://v\"\napprole = \"{OUT}\""),
        format!("[vaults]\nvault = {{ address = \"https://v\", token = \"{OUT}\" }}"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let place = Place::with_config(root.path(), "p", &format!("{more}\n"));
        for words in [&["check"][..], &["check", "--json"], &["run"]] {
            let (code, said) = place.code(words);
            assert!(code != 0 && said.contains('…'), "{words:?}: {said}");
            assert!(!said.contains(OUT), "{words:?}: {said}");
        }
    }
}

#[test]
fn planted_secrets_are_found_nowhere() {
    for token in TOKENS {
        let root = tempfile::tempdir().unwrap();
        let (place, simulator) = planted(root.path(), token);
        let secrets = [token, HOOK_PATH, HOOK_KEY, "pl4nted-hook-word"];
        let mut said = String::new();
        let log = OpenOptions::new().create(true).append(true).open(place.dir.join("out.log"));
        let child = place
            .command("run")
            .env("HOOK_KEY", HOOK_KEY)
            .env("RIPOSTE_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        let daemon = Daemon(child.unwrap());
        let minute = Duration::from_mins(1);
        for kind in [FaultKind::Html, FaultKind::Server, FaultKind::Cut, FaultKind::Refused] {
            simulator.fault(Fault::new(kind, 1));
        }
        place.append(&attack(&address(1)));
        place.append(&line(&address(2), "/nap", 200));
        place.wait(minute, "it is blocked", || is_blocked(&simulator, 1));
        let children = || descendants(daemon.0.id());
        place.wait(minute, "the program runs", || children().len() > 1);
        for pid in children() {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            for secret in secrets {
                assert!(!memmem(&read("cmdline"), secret.as_bytes()), "{pid}: {secret}");
                // The daemon's own environment was given to it with the key.
                let is_child = pid != daemon.0.id();
                assert!(!is_child || !memmem(&read("environ"), secret.as_bytes()), "{secret}");
            }
        }
        place.wait(minute, "the webhook has failed", || place.log().contains("answered 500"));
        simulator.fault(Fault::new(FaultKind::Html, 1));
        for words in [
            &["cf", "verify", "--trace"][..],
            &["cf", "zones", "--trace", "--json"],
            &["cf", "purge", "example.com", "--tag", "a", "--trace"],
            &["doctor", "--json"],
            &["status", "--json"],
            &["status"],
            &["journal", "--json"],
            &["check", "--json", "--secrets"],
            &["why", &address(1)],
        ] {
            said.push_str(&place.ask(words));
        }
        let access = place.dir.join("access.log").display().to_string();
        let page = place.dir.join("page.html").display().to_string();
        said.push_str(&place.ask(&["replay", &access, "--html", &page]));
        said.push_str(&place.ask(&["replay", &access, "--json"]));
        assert!(Path::new(&page).exists() && said.contains("> GET"), "{said}");
        // A token that is refused is shown nowhere either.
        private(&root.path().join("cloudflare.token"), "cfut_Pl4ntedWrong");
        said.push_str(&place.ask(&["cf", "verify", "--trace"]));
        let bytes = place.log();
        for secret in secrets.iter().chain(&["cfut_Pl4ntedWrong"]) {
            assert!(!said.contains(secret), "{secret}: {said}");
            assert!(!bytes.contains(secret), "{secret}: {bytes}");
            // The store with its log, the socket's folder, the transcript, the page.
            nowhere(root.path(), secret, &["cloudflare.token", "hook.word", "hook.url"]);
        }
        daemon.terminate();
        for secret in secrets {
            nowhere(root.path(), secret, &["cloudflare.token", "hook.word", "hook.url"]);
        }
    }
}
