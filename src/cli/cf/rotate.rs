//! Rotating a token without a gap: a second one is made, tried and written down before the first is
//! removed. Whatever fails on the way leaves the first one in force, and the second is taken back.

use super::account::{Plan, account, agreed, finished};
use super::confirm::Consent;
use super::tokens::{holder_word, in_use, no_file};
use super::{Session, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp};
use crate::cloudflare::tokens::{self, Holder, NewToken, Token};
use crate::cloudflare::{ApiError, Client};
use crate::event::text;
use crate::secret::{Secret, SecretRef};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A new token may be refused for a moment.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Replaces a token.
pub fn rotate(
    session: &Session,
    holder: &Holder,
    token: &Token,
    file: Option<&Path>,
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    let ours = in_use(session).as_ref() == Some(&token.id);
    let file = file_of(session, token, file, ours)?;
    let new = second(token, clock::now());
    let create = tokens::create(holder, &new);
    let name = text::escape(&token.name).into_owned();
    let plan = Plan {
        lines: vec![
            format!(
                "make the {} token `{}` with the same permissions",
                holder_word(holder),
                text::escape(&new.name)
            ),
            "try it".to_owned(),
            format!("write it to `{}`", file.display()),
            format!("remove `{name}` ({})", text::escape(&token.id)),
        ],
        calls: vec![create.clone(), tokens::delete(holder, &token.id)],
    };
    if !agreed(session, consent, &plan, out)? {
        return Ok(consent.left());
    }
    let before = tokens::all(&session.client, holder).map_err(|error| told(&error))?;
    let answer = session
        .client
        .send(&create)
        .map_err(|error| perhaps_made(session, holder, (&before, &name, token), &error))?;
    let id =
        answer.result.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let Some(value) = tokens::value(&answer) else {
        return Err(Usage::of("the reply holds no new token\nhint: look at `riposte cf tokens`"));
    };
    let client = session.client.like(value.clone());
    let tried = try_it(session, &client, holder);
    let written = tried.and_then(|()| write_secret(&file, &value));
    if let Err(error) = written {
        return Err(taken_back(session, holder, (&id, &name), &error));
    }
    if let Err(error) = last(&file) {
        // A power cut could bring the old value back, so its token has to stay.
        return Err(Usage::of(format!(
            "the new token is in `{}`, and may not outlast a power cut: {error}\nhint: both are in force; when the disk is well, remove the old one: `riposte cf tokens delete {}`",
            file.display(),
            text::escape(&token.id)
        )));
    }
    // The first may be what this command itself works with: the second removes it.
    let remover = if ours { &client } else { &session.client };
    remover.send(&tokens::delete(holder, &token.id)).map_err(|error| still_there(&error, &name))?;
    finished(
        session,
        &format!("`{name}` is replaced; the new token is in `{}`", file.display()),
        out,
    )
}

/// The second is of no use: it goes, and the first stays.
fn taken_back(
    session: &Session,
    holder: &Holder,
    (id, first): (&str, &str),
    error: &anyhow::Error,
) -> anyhow::Error {
    let left = match session.client.send(&tokens::delete(holder, id)) {
        Ok(_) => "the new one was removed".to_owned(),
        Err(_) => {
            format!("the new one (`{}`) could not be removed: do that by hand", text::escape(id))
        }
    };
    Usage::of(format!("{error}\nhint: `{first}` stays in force; {left}"))
}

/// No reply to the creation came. A second token that is there all the same has a value that nobody
/// knows, so it goes; one that was there before is somebody's, whatever its name.
fn perhaps_made(
    session: &Session,
    holder: &Holder,
    (before, first, token): (&[Token], &str, &Token),
    error: &ApiError,
) -> anyhow::Error {
    let said = told(error);
    if !error.may_have_happened() {
        return said;
    }
    let Ok(now) = tokens::all(&session.client, holder) else {
        return Usage::of(format!(
            "{said}\nhint: `{first}` stays in force; look at `riposte cf tokens` for a second one of that name, whose value nobody has, and remove it"
        ));
    };
    match made_meanwhile(before, &now, &token.name).as_slice() {
        [] => Usage::of(format!(
            "{said}\nhint: none was made, and `{first}` stays in force: try again"
        )),
        [one] => taken_back(session, holder, (&one.id, first), &said),
        many => {
            let ids: Vec<String> = many
                .iter()
                .map(|one| format!("`riposte cf tokens delete {}`", text::escape(&one.id)))
                .collect();
            Usage::of(format!(
                "{said}\nhint: `{first}` stays in force; somebody made another of its name meanwhile, and one of these has a value that nobody has: {}",
                ids.join(" or ")
            ))
        }
    }
}

/// The tokens of a name that are there now and weren't before.
fn made_meanwhile<'t>(before: &[Token], now: &'t [Token], name: &str) -> Vec<&'t Token> {
    let known = |token: &Token| before.iter().any(|other| other.id == token.id);
    now.iter().filter(|token| token.name == name && !known(token)).collect()
}

fn still_there(error: &ApiError, name: &str) -> anyhow::Error {
    let said = told(error);
    Usage::of(format!(
        "{said}\nhint: the new token is written and works; remove `{name}` by hand, it may still be in force"
    ))
}

/// Where the new value goes: as told, else into the file that the config takes it from.
fn file_of(
    session: &Session,
    token: &Token,
    file: Option<&Path>,
    ours: bool,
) -> anyhow::Result<PathBuf> {
    match (file, &session.config.token) {
        (Some(file), _) => Ok(file.to_owned()),
        (None, SecretRef::File(path)) if ours => Ok(path.clone()),
        _ => Err(no_file(token)),
    }
}

/// What the second token is to be: as the first, with a life as long as its own.
fn second(token: &Token, now: Timestamp) -> NewToken {
    let moment = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_rfc3339);
    let expires_on = moment(&token.expires_on).map(|end| {
        let begin = moment(&token.issued_on).unwrap_or(now);
        let life = end.since(begin).max(Duration::from_hours(24));
        // Cloudflare takes whole seconds.
        Timestamp::from_secs(now.plus(life).as_secs()).to_string()
    });
    NewToken {
        name: token.name.clone(),
        policies: token.policies.clone(),
        expires_on,
        condition: token.condition.clone().filter(|condition| !condition.is_null()),
    }
}

fn try_it(session: &Session, client: &Client, holder: &Holder) -> anyhow::Result<()> {
    let account = match holder {
        Holder::User => None,
        Holder::Account(id) => Some(id.clone()),
    };
    let account = account.or_else(|| account_of(session));
    let mut tries = 0;
    loop {
        match tokens::verify(client, account.as_deref()) {
            Ok((_, status)) if status.status == "active" => return Ok(()),
            Ok((_, status)) => {
                return Err(Usage::of(format!(
                    "the new token is {}",
                    text::escape(&status.status)
                )));
            }
            Err(error) if tries >= TRIES => return Err(told(&error)),
            Err(_) => {
                tries += 1;
                std::thread::sleep(BETWEEN_TRIES);
            }
        }
    }
}

fn account_of(session: &Session) -> Option<String> {
    account(session).ok()
}

/// Writes a secret so that a reader sees the old one or the new one, whole, and nobody else either.
pub(super) fn write_secret(path: &Path, value: &Secret) -> anyhow::Result<()> {
    let fail =
        |error: std::io::Error| Usage::of(format!("failed to write `{}`: {error}", path.display()));
    // A link is followed, so that the link itself stays.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".riposte-{}", std::process::id()));
    let neighbour = path.with_file_name(name);
    let written =
        write_new(path, &neighbour, value).and_then(|()| std::fs::rename(&neighbour, path));
    if written.is_err() {
        // What could not be finished must not lie around; if this fails too, it is private.
        std::fs::remove_file(&neighbour).ok();
    }
    written.map_err(fail)
}

/// Makes what [`write_secret`] wrote outlast a power cut.
pub(super) fn last(path: &Path) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

fn write_new(path: &Path, neighbour: &Path, value: &Secret) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(neighbour)?;
    // The daemon may run as another user than whoever types this.
    if let Ok(facts) = std::fs::metadata(path) {
        std::os::unix::fs::chown(neighbour, Some(facts.uid()), Some(facts.gid()))?;
        // A service's own group may go on reading; nobody else may.
        let mode = 0o600 | (facts.mode() & 0o040);
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.write_all(value.reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_lives_as_long_as_the_first() {
        let now = Timestamp::parse_rfc3339("2026-11-26T12:00:00.5Z").unwrap();
        let mut token: Token = serde_json::from_value(serde_json::json!({
            "id": "1", "name": "ci", "issued_on": "2026-09-01T00:00:00Z",
            "expires_on": "2026-10-01T00:00:00Z", "condition": null,
        }))
        .unwrap();
        let new = second(&token, now);
        assert_eq!(new.expires_on.as_deref(), Some("2026-12-26T12:00:00Z"));
        assert_eq!((new.name.as_str(), new.condition), ("ci", None));
        token.expires_on = None;
        assert_eq!(second(&token, now).expires_on, None);
    }

    #[test]
    fn only_what_was_made_meanwhile_is_taken_for_the_second() {
        let token = |id: &str, name: &str| -> Token {
            serde_json::from_value(serde_json::json!({ "id": id, "name": name })).unwrap()
        };
        let before = [token("1", "ci"), token("2", "ci")];
        let now = [token("1", "ci"), token("2", "ci"), token("3", "ci"), token("4", "other")];
        let made: Vec<&str> =
            made_meanwhile(&before, &now, "ci").iter().map(|token| token.id.as_str()).collect();
        assert_eq!(made, ["3"]);
        assert!(made_meanwhile(&before, &before, "ci").is_empty());
    }

    #[test]
    fn a_secret_is_written_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_secret(&path, &Secret::new("new".to_owned())).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640, "but for its group");
        let error = write_secret(&folder.path().join("no/such"), &Secret::new("s3cret".to_owned()));
        assert!(!error.unwrap_err().to_string().contains("s3cret"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies around");
    }
}
