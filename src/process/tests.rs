//! Child programs keep to their limits, and nothing of theirs stays behind.

use super::*;

fn shell(script: &str) -> Program {
    Program::new(["/bin/sh", "-c", script])
}

#[test]
fn input_goes_in_and_both_outputs_come_back() {
    let mut program = shell("cat; echo oops >&2; exit 3");
    program.input = vec![b'x'; 300_000];
    program.output_bytes_max = 1_000_000;
    let finished = run(&program).unwrap();
    assert_eq!(finished.code, Some(3));
    assert_eq!(finished.stdout.len(), 300_000);
    assert_eq!(finished.words(), "exit code 3: oops");
    assert!(!finished.success());
}

#[test]
fn the_environment_is_clean() {
    let mut program = Program::new(["env"]);
    program.environment = vec![("RIPOSTE_X".to_owned(), "1".to_owned())];
    let finished = run(&program).unwrap();
    let mut names: Vec<_> = String::from_utf8(finished.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()))
        .collect();
    names.sort();
    assert_eq!(names, ["LANG", "PATH", "RIPOSTE_X"]);
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_its_children() {
    let mut program = shell("sleep 987 & echo $!; sleep 987");
    program.time_limit = Duration::from_millis(200);
    let started = Instant::now();
    assert!(matches!(run(&program), Err(ProcessError::TimedOut { .. })));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_child_left_behind_holds_nobody_up() {
    let started = Instant::now();
    let finished = run(&shell("sleep 987 & echo $!")).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(finished.code, Some(0));
}

#[test]
fn output_without_end_is_cut_off() {
    let mut program = Program::new(["yes"]);
    program.output_bytes_max = 10_000;
    assert!(matches!(run(&program), Err(ProcessError::TooMuchOutput { .. })));
}

#[test]
fn what_is_not_there_is_said() {
    let error = run(&Program::new(["/nonexistent/x"])).unwrap_err();
    assert_eq!(error.to_string(), "program `/nonexistent/x` is not there");
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "no program").unwrap();
    let error = run(&Program::new([plain.display().to_string()])).unwrap_err();
    assert!(error.to_string().contains("may not be run"), "{error}");
    assert!(matches!(run(&Program::new(Vec::<String>::new())), Err(ProcessError::Empty)));
}

#[test]
fn lines_are_followed_and_the_end_is_told() {
    let (sender, lines) = mpsc::channel();
    let follower = Follower::start(&shell("echo a; echo b; exec sleep 987"), move |line| {
        sender.send(line.map(<[u8]>::to_vec)).unwrap();
    })
    .unwrap();
    let patience = Duration::from_secs(5);
    assert_eq!(lines.recv_timeout(patience).unwrap(), Some(b"a".to_vec()));
    assert_eq!(lines.recv_timeout(patience).unwrap(), Some(b"b".to_vec()));
    drop(follower);
    assert_eq!(lines.recv_timeout(patience).unwrap(), None);
}

#[test]
fn a_secret_may_come_from_a_program() {
    let reference = SecretRef::parse("exec:/bin/echo s3cret").unwrap();
    assert_eq!(resolve_secret(&reference).unwrap().reveal(), "s3cret");
    let reference = SecretRef::parse("exec:/bin/false").unwrap();
    let error = resolve_secret(&reference).unwrap_err().to_string();
    assert!(error.starts_with("failed to read secret `exec:/bin/false`"), "{error}");
}
