//! Secrets: references, what is refused, and that no value is ever shown.

use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_value_is_never_shown() {
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[secret]\"");
    assert_eq!(secret.reveal(), "hunter2");
}

#[test]
fn a_literal_is_refused_without_being_repeated() {
    for literal in ["hunter2", "https://user:pass@host/", "", "sk:live-123"] {
        let error = SecretRef::parse(literal).unwrap_err().to_string();
        assert!(error.contains("hint: write `env:NAME`"), "{error}");
        assert!(literal.is_empty() || !error.contains(literal), "{error}");
    }
}

#[test]
fn references_are_read_and_written_back() {
    for text in
        ["env:NAME", "file:/etc/riposte/key", "credential:key", "exec:/usr/bin/pass show riposte"]
    {
        assert_eq!(SecretRef::parse(text).unwrap().to_string(), text);
    }
    for (text, words) in [
        ("vault:kv/a#b", "`vault` are not available in this version"),
        ("aws-sm:a#b", "`aws-sm` are not available"),
        ("azure-kv:a/b", "`azure-kv` are not available"),
        ("file:key", "must be absolute"),
        ("exec:pass", "must be absolute"),
        ("env:", "nothing follows"),
        ("credential:../x", "not a path"),
    ] {
        let error = SecretRef::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_with_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "s3cret\n").unwrap();
    let reference = SecretRef::File(path.clone());
    for (mode, accepted) in [(0o600, true), (0o640, true), (0o644, false), (0o620, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match reference.resolve() {
            Ok(secret) => assert!(accepted && secret.reveal() == "s3cret", "{mode:o}"),
            Err(error) => {
                assert!(!accepted, "{error}");
                assert!(error.to_string().contains("hint: chmod 600"), "{error}");
            }
        }
    }
    let missing = SecretRef::File(folder.path().join("none"));
    let error = missing.resolve().unwrap_err().to_string();
    assert!(error.starts_with("failed to read secret `file:"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "\n").unwrap();
    assert!(reference.resolve().unwrap_err().to_string().contains("empty"));
}
