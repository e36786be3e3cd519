//! Web-server files: whole or not at all, only our own, tested and put back.

use super::*;
use crate::actions::config::WebFileFormat;
use crate::actions::tests::block;
use crate::clock;
use crate::decisions::Target;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn config(folder: &Path, test: &str, reload: &str) -> WebFileConfig {
    let shell = |script: &str| match script {
        "" => Vec::new(),
        script => ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
    };
    WebFileConfig {
        name: "web".to_owned(),
        format: WebFileFormat::NginxGeo,
        path: folder.join("blocked.conf"),
        test: shell(test),
        reload: shell(reload),
        debounce: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
    }
}

fn enforce(file: &mut WebFile, decision: &Decision, now: Timestamp) -> Outcome {
    let changes = [Change::Enforce(decision.clone())];
    file.apply(&changes, None, now).unwrap().outcomes[0].clone()
}

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("blocked.conf")).unwrap()
}

#[test]
fn a_file_is_written_when_it_differs_and_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = WebFile::new(&config(folder.path(), "", ""), false);
    let now = clock::now();
    file.reconcile(&[], now).unwrap();
    let path = folder.path().join("blocked.conf");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(enforce(&mut file, &block("192.0.2.1", Some(60)), now), Outcome::Applied);
    assert_eq!(enforce(&mut file, &block("192.0.2.1", Some(30)), now), Outcome::Unchanged);
    assert!(text(folder.path()).ends_with("\n192.0.2.1 block;\n"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies around");
    // Its time is up without a lift: the tick sees to it.
    let later = now.plus(Duration::from_secs(61));
    assert!(file.next_tick().is_some_and(|at| at < later));
    file.tick(later).unwrap();
    assert!(!text(folder.path()).contains("192.0.2.1"));
    // A later run adopts, and puts back what somebody took out.
    let mut next = WebFile::new(&config(folder.path(), "", ""), false);
    let wanted = [block("192.0.2.9", None)];
    assert_eq!(next.reconcile(&wanted, now).unwrap().missing, 1);
    assert!(next.reconcile(&wanted, now).unwrap().is_none());
    let receipt =
        next.apply(&[Change::Lift(Target::parse("192.0.2.9").unwrap())], Some(&[]), now).unwrap();
    assert_eq!(receipt.outcomes, [Outcome::Applied]);
    next.remove_all().unwrap();
    assert_eq!(text(folder.path()), render(WebFileFormat::NginxGeo, &[]));
}

#[test]
fn somebody_elses_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocked.conf");
    std::fs::write(&path, "deny 10.0.0.1;\n").unwrap();
    let mut file = WebFile::new(&config(folder.path(), "", ""), false);
    let error = file.reconcile(&[block("192.0.2.1", None)], clock::now()).unwrap_err();
    assert!(error.to_string().contains("was not written by riposte"), "{error}");
    assert!(file.remove_all().is_err());
    assert_eq!(text(folder.path()), "deny 10.0.0.1;\n");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    let error = file.reconcile(&[], clock::now()).unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
    let mut missing = config(folder.path(), "", "");
    missing.path = folder.path().join("none/blocked.conf");
    let error = WebFile::new(&missing, false).reconcile(&[], clock::now()).unwrap_err();
    assert!(error.to_string().contains("hint: mkdir -p"), "{error}");
}

#[test]
fn reloads_are_put_together_and_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("reloads");
    let reload = format!("echo x >> {}", count.display());
    let reloads = || std::fs::read_to_string(&count).unwrap_or_default().lines().count();
    let mut file = WebFile::new(&config(folder.path(), "true", &reload), false);
    let now = clock::now();
    file.reconcile(&[], now).unwrap();
    assert_eq!(file.tick(now).unwrap(), Some(Outcome::Applied));
    assert_eq!(reloads(), 1);
    for host in 1..50 {
        assert_eq!(
            enforce(&mut file, &block(&format!("192.0.2.{host}"), None), now),
            Outcome::Pending
        );
    }
    assert!(text(folder.path()).contains("192.0.2.49 block;"), "the file is written at once");
    assert_eq!(file.tick(now).unwrap(), None, "not yet");
    let due = file.next_tick().unwrap();
    assert_eq!(due, now.plus(Duration::from_secs(1)));
    // A crash here: the next run knows that the server has not read the file.
    let mut next = WebFile::new(&config(folder.path(), "true", &reload), false);
    let wanted: Vec<_> = (1..50).map(|host| block(&format!("192.0.2.{host}"), None)).collect();
    assert!(next.reconcile(&wanted, now).unwrap().is_none());
    assert_eq!(next.settle(now).unwrap(), Some(Outcome::Applied));
    assert_eq!(file.tick(due).unwrap(), Some(Outcome::Applied));
    assert_eq!(reloads(), 3);
}

#[test]
fn a_file_that_the_server_refuses_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocked.conf");
    let refuses = format!("! grep -q 192.0.2.66 {}", path.display());
    let mut file = WebFile::new(&config(folder.path(), &refuses, "true"), false);
    let now = clock::now();
    file.reconcile(&[block("192.0.2.1", None)], now).unwrap();
    assert_eq!(file.settle(now).unwrap(), Some(Outcome::Applied));
    let before = text(folder.path());
    assert_eq!(enforce(&mut file, &block("192.0.2.66", None), now), Outcome::Pending);
    let error = file.settle(now).unwrap_err();
    assert!(error.to_string().contains("was put back"), "{error}");
    assert_eq!(text(folder.path()), before);
    // When the test fails without our file too, the fault is elsewhere.
    let mut file = WebFile::new(&config(folder.path(), "echo broken >&2; false", "true"), false);
    file.reconcile(&[block("192.0.2.2", None)], now).unwrap();
    let error = file.settle(now).unwrap_err();
    assert!(error.to_string().contains("with our file or without"), "{error}");
    assert!(text(folder.path()).contains("192.0.2.2 block;"));
}

/// The server was being restarted when its reload was asked for; a block that came a moment later
/// waited for half a minute.
#[test]
fn what_is_new_does_not_wait_for_the_next_try_of_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let reload = format!("test -e {}/up", folder.path().display());
    let mut file = WebFile::new(&config(folder.path(), "true", &reload), false);
    let now = clock::now();
    enforce(&mut file, &block("192.0.2.1", None), now);
    file.tick(now).unwrap_err();
    std::fs::write(folder.path().join("up"), "").unwrap();
    let later = now.plus(Duration::from_secs(2));
    assert_eq!(file.tick(later).unwrap(), None);
    assert_eq!(enforce(&mut file, &block("192.0.2.2", None), later), Outcome::Pending);
    assert_eq!(file.tick(later).unwrap(), Some(Outcome::Applied));
}

#[test]
fn a_dry_run_shows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = WebFile::new(&config(folder.path(), "nginx -t", "nginx -s reload"), true);
    let Outcome::DryRun(call) = enforce(&mut file, &block("192.0.2.1", None), clock::now()) else {
        panic!("sent");
    };
    assert!(call.contains("192.0.2.1 block;") && call.contains("reload: "), "{call}");
    assert!(!folder.path().join("blocked.conf").exists());
    assert!(file.dry_run(&[block("192.0.2.0/24", None)]).contains("192.0.2.0/24 block;"));
}

/// The real nginx on loopback: allowed, then refused through the written file, then allowed.
#[test]
fn serial_nginx_refuses_whom_the_file_names() {
    if !Path::new("/usr/sbin/nginx").exists() {
        eprintln!("SKIPPED serial_nginx_refuses_whom_the_file_names: needs /usr/sbin/nginx");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let conf = folder.path().join("nginx.conf");
    std::fs::write(&conf, format!(
        "pid {place}/pid; error_log {place}/error.log; events {{}}\nhttp {{ access_log off;\n\
         geo $riposte {{ default \"\"; include {place}/blocked.conf; }}\n\
         server {{ listen 127.0.0.1:{port}; if ($riposte = block) {{ return 403; }} return 200; }} }}\n"
    )).unwrap();
    let nginx = |arguments: &str| {
        format!("/usr/sbin/nginx -c {} -e {place}/error.log {arguments}", conf.display())
    };
    let mut file = WebFile::new(&config(folder.path(), &nginx("-t"), &nginx("-s reload")), false);
    file.config.debounce = Duration::ZERO;
    file.reconcile(&[], clock::now()).unwrap();
    let started = std::process::Command::new("/bin/sh").args(["-c", &nginx("")]).status().unwrap();
    assert!(started.success());
    let status = || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.get(9..12)?.parse::<u16>().ok()
    };
    let becomes = |wanted: u16| {
        crate::actions::tests::wait_for(|| (status() == Some(wanted)).then_some(())).is_some()
    };
    let allowed = becomes(200);
    enforce(&mut file, &block("127.0.0.1", Some(60)), clock::now());
    let applied = file.settle(clock::now());
    let refused = becomes(403);
    let removed = file.remove_all();
    let again = becomes(200);
    std::process::Command::new("/bin/sh").args(["-c", &nginx("-s quit")]).status().unwrap();
    assert!(allowed && refused && again, "{allowed} {refused} {again}");
    assert_eq!(applied, Ok(Some(Outcome::Applied)));
    removed.unwrap();
}
