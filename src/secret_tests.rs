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
    for text in [
        "env:NAME",
        "file:/etc/riposte/key",
        "credential:key",
        "exec:/usr/bin/pass show riposte",
        "vault:secret/riposte#token",
        "aws-sm:prod/riposte#token",
        "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:riposte-AbCdEf",
        "azure-kv:my-vault/cloudflare",
    ] {
        assert_eq!(SecretRef::parse(text).unwrap().to_string(), text);
    }
    for (text, words) in [
        ("vault:kv/a", "a field must follow"),
        ("vault:/kv/a#b", "mount first"),
        ("vault:kv/../sys/a#b", "mount first"),
        ("vault:kv#b", "needs its mount"),
        ("aws-sm:a b", "letters, digits"),
        ("aws-sm:a#", "nothing follows the `#`"),
        ("azure-kv:name", "a name must follow"),
        ("azure-kv:evil.example/name", "letters, digits"),
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

#[test]
fn fields_of_one_secret_are_one_document() {
    let of = |text: &str| SecretRef::parse(text).unwrap();
    assert_eq!(of("vault:kv/a#user").document(), of("vault:kv/a#password").document());
    assert_eq!(of("aws-sm:a#b").field(), Some("b"));
    assert_eq!(of("aws-sm:a").field(), None);
    assert_eq!(of("env:A").document(), "env:A");
    let error = of("azure-kv:a/b").resolve().unwrap_err().to_string();
    assert!(error.contains("hint: add a table `[vaults.azure]`"), "{error}");
}
