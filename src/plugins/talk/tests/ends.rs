//! How programs are ended: politely, certainly, with their whole group, and in time.

use super::*;

#[test]
fn a_stop_is_polite_first_and_certain_last() {
    // It ignores both the message and SIGTERM, and a grandchild does too.
    let place = Place::shell(
        "trap '' TERM\necho '{\"type\":\"ready\",\"protocol\":1}'\n(trap '' TERM; sleep 1000) &\n\
         echo $! > grandchild\necho $$ > pid\nwhile :; do sleep 1; done",
    );
    let talk = place.start().unwrap();
    let (pid, grandchild) = (pid_in(&place.path("pid")), pid_in(&place.path("grandchild")));
    assert!(alive(pid) && alive(grandchild));
    let begun = Instant::now();
    talk.stop();
    assert!(begun.elapsed() >= Duration::from_millis(600), "both limits were given");
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "ended and reaped");
    assert!(gone(grandchild));
}

#[test]
fn a_grandchild_that_is_left_behind_holds_nobody_up() {
    // The program ends; its child keeps the pipes and goes on writing.
    let place = Place::shell(
        "echo '{\"type\":\"ready\",\"protocol\":1}'\n\
         (while :; do echo '{\"type\":\"x\"}'; sleep 0.01; done) &\necho $! > grandchild\nexit 0",
    );
    let talk = place.start().unwrap();
    let grandchild = pid_in(&place.path("grandchild"));
    let error = (0..5_000).find_map(|_| next(&talk).err());
    assert_eq!(error, Some(TalkError::Ended("it ended with exit code 0".to_owned())));
    drop(talk);
    assert!(gone(grandchild));
    // One that has left the group can't be ended, and holds nobody up either.
    let place = Place::shell(
        "echo '{\"type\":\"ready\",\"protocol\":1}'\nsetsid sh -c 'echo $$ > other; sleep 20' &\n\
         sleep 100",
    );
    let talk = place.start().unwrap();
    let other = pid_in(&place.path("other"));
    let begun = Instant::now();
    drop(talk);
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    let other = rustix::process::Pid::from_raw(other).unwrap();
    rustix::process::kill_process_group(other, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_drop_does_not_wait_for_a_program_that_hangs() {
    let place = Place::python(&format!(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{READY}open('pid', 'w').write(str(os.getpid()))\n\
         time.sleep(1000)\n"
    ));
    let talk = place.start().unwrap();
    let pid = pid_in(&place.path("pid"));
    let begun = Instant::now();
    drop(talk);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "ended and reaped");
}
