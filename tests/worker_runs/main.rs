//! A Worker that `riposte cf workers deploy` uploaded is run by Cloudflare's own runtime, with the
//! bindings and keys that the look-alike holds: what was sent is a Worker, not just an upload.
//!
//! The runtime comes from npm into a folder below `target/`, once; where that can't be (no Node, no
//! registry), the test says so and is skipped.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

use riposte::cloudflare::kv::{self, Namespace};
use riposte::cloudflare::{Call, Client, Form};
use riposte::secret::Secret;
use riposte::simulator::{Options, Simulator};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The newest that runs on Node 20 (April 2026).
const RUNTIME: &str = "miniflare@4.20260426.0";

const TOKEN: &str = "simulated";

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worker_runs").join(file)
}

/// The folder that has the runtime, or why there is none.
fn runtime() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worker-runtime");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let made = folder.join("made");
    if fs::read_to_string(&made).is_ok_and(|made| made == RUNTIME) {
        return Ok(folder);
    }
    fs::write(folder.join("package.json"), "{\"private\":true}")
        .map_err(|error| error.to_string())?;
    let installed = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--silent", RUNTIME])
        .current_dir(&folder)
        .output()
        .map_err(|error| format!("npm: {error}"))?;
    if !installed.status.success() {
        return Err(String::from_utf8_lossy(&installed.stderr).into_owned());
    }
    fs::write(&made, RUNTIME).map_err(|error| error.to_string())?;
    Ok(folder)
}

fn riposte(simulator: &Simulator, words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(["cf", "--api", &simulator.base()])
        .args(words)
        .arg("--yes")
        .env("CLOUDFLARE_API_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// What the look-alike holds of a Worker: its module, and what it is bound to.
fn deployed(client: &Client, account: &str, name: &str) -> Value {
    let area = riposte::cloudflare::Area::Workers;
    let path = format!("/accounts/{account}/workers/scripts/{name}");
    let module =
        client.send(&Call::get(area, format!("{path}/content/v2")).form(Form::Raw)).unwrap();
    let settings = client.send(&Call::get(area, format!("{path}/settings"))).unwrap().result;
    let (mut vars, mut spaces) = (Map::new(), Map::new());
    for binding in settings["bindings"].as_array().unwrap() {
        let bound = binding["name"].as_str().unwrap().to_owned();
        if binding["type"] == "plain_text" {
            vars.insert(bound, binding["text"].clone());
            continue;
        }
        let id = binding["namespace_id"].as_str().unwrap();
        let mut pairs = Map::new();
        for key in kv::keys(client, account, id, None).unwrap() {
            let value = client.send(&kv::get(account, id, &key.name)).unwrap().raw;
            pairs.insert(key.name, json!(String::from_utf8(value).unwrap()));
        }
        spaces.insert(bound, Value::Object(pairs));
    }
    json!({
        "module": String::from_utf8(module.raw).unwrap(), "vars": vars, "kv": spaces,
        "compatibility_date": settings["compatibility_date"],
    })
}

#[test]
fn a_deployed_worker_does_its_work() {
    let folder = match runtime() {
        Ok(folder) => folder,
        Err(reason) => {
            eprintln!("SKIPPED: Cloudflare's runtime can't be installed here:\n{reason}");
            return;
        }
    };
    let simulator = Simulator::start(0, Options::new(TOKEN), None).unwrap();
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("keys.json");
    fs::write(&file, "{\"203.0.113.9\": \"block\", \"203.0.113.10\": \"watch\"}").unwrap();
    riposte(&simulator, &["kv", "import", "blocked", &file.to_string_lossy()]);
    riposte(
        &simulator,
        &[
            "workers",
            "deploy",
            "gate",
            &here("gate.mjs").to_string_lossy(),
            "--kv",
            "BLOCKED=blocked",
            "--var",
            "MODE=strict",
        ],
    );
    let client =
        Client::new(&simulator.base(), Secret::new(TOKEN.to_owned()), Duration::from_secs(30));
    let account = riposte::cloudflare::accounts::all(&client).unwrap().remove(0).id;
    let spaces: Vec<Namespace> = kv::namespaces(&client, &account).unwrap();
    assert_eq!(spaces.len(), 1);
    let mut wanted = deployed(&client, &account, "gate");
    let request = |from: &str| json!({ "url": "http://example.com/", "headers": { "cf-connecting-ip": from } });
    wanted["requests"] = json!(["203.0.113.9", "203.0.113.10", "198.51.100.7"].map(request));
    let mut child = Command::new("node")
        .arg(here("serve.mjs"))
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(wanted.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        said,
        [
            json!({ "status": 403, "body": "blocked (strict)" }),
            json!({ "status": 200, "body": "let through" }),
            json!({ "status": 200, "body": "let through" }),
        ]
    );
}
