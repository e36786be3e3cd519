//! A vault whose certificate is signed by an authority of its own, made by `openssl` where the
//! machine has it.

use super::*;
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn openssl(files: &Files, arguments: &str) -> bool {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(files.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn serial_a_vault_with_an_authority_of_its_own_is_believed_only_by_its_certificate() {
    let files = Files::new();
    let made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE";
    if !openssl(&files, made) {
        eprintln!("SKIPPED: there is no `openssl` here");
        return;
    }
    files.write("ext", "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    assert!(openssl(
        &files,
        "req -newkey rsa:2048 -nodes -subj /CN=vault -keyout vault.key -out vault.csr"
    ));
    let sign = "x509 -req -in vault.csr -CA ca.pem -CAkey ca.key -days 2 -out vault.pem -extfile ext -CAcreateserial";
    assert!(openssl(&files, sign));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Command::new("openssl")
        .args(["s_server", "-quiet", "-www", "-cert", "vault.pem", "-key", "vault.key"])
        .args(["-accept", &format!("127.0.0.1:{port}")])
        .current_dir(files.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _running = Running(server.unwrap());
    until("it answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    files.write("token", "root-token");
    let ask = |more: &str| {
        let vaults = Vaults::new(&config(&format!(
            "[vault]\naddress = \"https://127.0.0.1:{port}\"\ntoken = \"file:{}\"\n{more}",
            files.path("token").display()
        )));
        vaults.read(&reference("vault:secret/riposte#token")).unwrap_err().to_string()
    };
    let unknown = ask("");
    assert!(unknown.contains("can't be reached"), "{unknown}");
    let named = format!("ca_file = \"{}\"", files.path("ca.pem").display());
    // What answers is no vault, but it is believed to be the one that was meant.
    let known = ask(&named);
    assert!(!known.contains("can't be reached"), "{known}");
    files.write("ca.pem", "no certificate");
    assert!(ask(&named).contains("holds no certificate"), "{}", ask(&named));
    std::fs::remove_file(files.path("ca.pem")).unwrap();
    assert!(ask(&named).contains("failed to read `"), "{}", ask(&named));
}

#[test]
fn whose_certificates_are_believed_others_may_not_write() {
    let files = Files::new();
    files.write("ca.pem", "x");
    let path = files.path("ca.pem");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let text = format!("address = \"https://127.0.0.1:1\"\nca_file = \"{}\"", path.display());
    files.write("token", "t");
    let vaults = Vaults::new(&config(&format!(
        "[vault]\ntoken = \"file:{}\"\n{text}",
        files.path("token").display()
    )));
    let error = vaults.read(&reference("vault:secret/a#b")).unwrap_err().to_string();
    assert!(error.contains("hint: ") && error.contains("ca.pem"), "{error}");
}
