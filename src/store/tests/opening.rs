//! Opening: who may, what is refused and how it says so, and older files.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refused(dir: &Path) -> StoreError {
    match Store::open(dir) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn everything_is_private() {
    let (dir, store) = fresh();
    let state = dir.path().join("state");
    store.commit(&blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let copy = store.back_up().unwrap();
    assert_eq!(mode(&copy), 0o600);
    drop(store);
    // A careless copy is closed again; one that others could have written is not trusted.
    set_mode(&state.join(DATABASE), 0o644);
    set_mode(&state, 0o755);
    drop(Store::open(&state).unwrap());
    assert_eq!((mode(&state), mode(&state.join(DATABASE))), (0o700, 0o600));
    set_mode(&state.join(DATABASE), 0o666);
    let error = refused(&state).to_string();
    assert!(error.contains("can be written by others (mode 666"), "{error}");
    set_mode(&state.join(DATABASE), 0o600);
    set_mode(&state, 0o777);
    let error = refused(&state);
    assert!(matches!(error, StoreError::Exposed { .. }));
    let mend = format!("hint: `chmod go-w '{}'`", state.display());
    assert!(error.to_string().ends_with(&mend), "{error}");
}

#[test]
fn a_second_instance_is_refused_and_readers_are_not() {
    let (dir, store) = fresh();
    let state = dir.path().join("state");
    let error = refused(&state);
    let pid = std::process::id();
    assert!(error.to_string().contains(&format!("in use by riposte with pid {pid}")), "{error}");
    store.commit(&blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    let reader = open_read_only(&state).unwrap();
    assert_eq!(reader.in_force(at(1)).unwrap().len(), 1);
    store.commit(&blocked(2, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    assert_eq!(reader.in_force(at(1)).unwrap().len(), 2);
    assert!(reader.ask(|view| view.execute("DELETE FROM hits", [])).is_err());
    drop(store);
    assert_eq!(reader.in_force(at(1)).unwrap().len(), 2);
    Store::open(&state).unwrap();
}

#[test]
fn a_reader_needs_no_daemon_and_says_when_there_is_nothing() {
    let (dir, store) = fresh();
    store.commit(&blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    drop(store);
    let state = dir.path().join("state");
    let reader = open_read_only(&state).unwrap();
    assert_eq!(reader.in_force(at(1)).unwrap().len(), 1);
    reader.check_integrity().unwrap();
    let error = open_read_only(&dir.path().join("nowhere")).err().unwrap().to_string();
    assert!(error.starts_with("failed to open the store `"), "{error}");
}

#[test]
fn damage_is_told_with_a_mend_and_never_a_panic() {
    let (dir, store) = fresh();
    let state = dir.path().join("state");
    let path = store.path().to_path_buf();
    for number in 1..=200 {
        store.commit(&blocked(number, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, b"this is no database, but it is long enough to look at").unwrap();
    let error = refused(&state);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("hint: move it aside"), "{error}");
    // Damage anywhere gives an error or an answer, at opening or later.
    let mut seen = 0;
    for cut in (1..20).map(|part| whole.len() * part / 20) {
        let mut bytes = whole.clone();
        for byte in bytes.iter_mut().skip(cut).take(3_000) {
            *byte = byte.wrapping_mul(31).wrapping_add(7);
        }
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = Store::open(&state) else {
            seen += 1;
            continue;
        };
        let checked = store.read().check_integrity();
        let asked = store.read().journal(&JournalQuery::default());
        let written = store.commit(&blocked(999, 1, "203.0.113.9", "203.0.113.9", at(0)));
        let failed = checked.is_err() || asked.is_err() || written.is_err();
        seen += usize::from(failed);
    }
    assert!(seen > 15, "{seen}");
    // Cut short.
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let short = Store::open(&state).and_then(|store| store.read().check_integrity());
    assert!(matches!(short, Err(StoreError::Corrupt { .. })), "{short:?}");
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o700);
    let path = dir.path().join(DATABASE);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE theirs(x)").unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let error = refused(dir.path()).to_string();
    assert!(error.contains("another program's database"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_older_store_is_copied_and_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let old = Store::open_with(&state, schema::STEPS).unwrap();
    old.commit(&blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    assert_eq!(old.migration_backup(), None);
    drop(old);

    let mut broken = schema::STEPS.to_vec();
    broken.push("CREATE TABLE half(x); CREATE TABLE hits(x);");
    let failed = Store::open_with(&state, &broken);
    assert!(matches!(failed, Err(StoreError::Other { .. })));
    drop(Store::open(&state).unwrap());

    let mut steps = schema::STEPS.to_vec();
    steps.push("ALTER TABLE hits ADD COLUMN extra TEXT; CREATE TABLE later(x);");
    let new = Store::open_with(&state, &steps).unwrap();
    let copy = new.migration_backup().unwrap().to_path_buf();
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(new.read().in_force(at(1)).unwrap().len(), 1);
    new.commit(&blocked(2, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    assert!(new.forget(&target("192.0.2.1")).unwrap().backups.contains(&copy));
    drop(new);

    // Today's program meets tomorrow's file, then the copy.
    let error = refused(&state);
    assert!(matches!(error, StoreError::Newer { .. }));
    assert!(error.to_string().contains("run the newer riposte again"), "{error}");
    assert!(matches!(open_read_only(&state), Err(StoreError::Newer { .. })));
    fs::rename(&copy, state.join(DATABASE)).unwrap();
    let back = Store::open(&state).unwrap();
    assert_eq!(back.read().in_force(at(1)).unwrap().len(), 1);
}
