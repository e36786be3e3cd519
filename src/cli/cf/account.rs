//! What the commands about an account share: which account, tables, plans before changes.

use super::confirm::{Consent, confirmed, rehearse};
use super::{Session, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::{Answer, Call, zones};
use crate::event::text;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A cell of text from outside.
pub fn cell(text: &str) -> String {
    text::escape(text).into_owned()
}

/// The account of the config, else the one of the first zone.
pub fn account(session: &Session) -> anyhow::Result<String> {
    if let Some(account) = session.config.account.as_ref().or_else(|| session.account.get()) {
        return Ok(account.clone());
    }
    let zones = zones::all(&session.client).map_err(|error| told(&error))?;
    let found = zones.into_iter().next().map(|zone| zone.account.id).ok_or_else(|| {
        Usage::of("the token sees no zone, so the account isn't known\nhint: name `account` in the config")
    })?;
    Ok(session.account.get_or_init(|| found).clone())
}

/// Sends a call, and reads what came.
pub fn ask<T: DeserializeOwned>(session: &Session, call: &Call) -> anyhow::Result<T> {
    session.client.send(call).and_then(Answer::read).map_err(|error| told(&error))
}

/// Rows below a head; with `--json` one object a line.
pub fn table<T: Serialize>(
    session: &Session,
    out: &mut Output,
    head: &[&str],
    rows: &[T],
    cells: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<End> {
    if session.json {
        for row in rows {
            out.json(row)?;
        }
        return Ok(End::Well);
    }
    let mut lines: Vec<Vec<String>> =
        vec![head.iter().map(|word| out.styled(Style::Bold, word)).collect()];
    lines.extend(rows.iter().map(cells));
    for line in output::table(&lines) {
        out.line(line.trim_end())?;
    }
    Ok(End::Well)
}

/// A change as it is told before it is made.
pub struct Plan {
    /// What is going to be done, a line each.
    pub lines: Vec<String>,
    /// The calls that it takes, as far as they are known before.
    pub calls: Vec<Call>,
}

/// Shows a plan and asks; whether it is to be carried out. With `--dry-run` the calls are shown, and
/// nothing is.
pub fn agreed(
    session: &Session,
    consent: Consent,
    plan: &Plan,
    out: &mut Output,
) -> anyhow::Result<bool> {
    if consent.dry_run {
        rehearse(&plan.calls, session.json, out)?;
        return Ok(false);
    }
    if !session.json {
        for line in &plan.lines {
            out.line(line)?;
        }
    }
    confirmed(consent, out)
}

/// Carries a plan out, call after call, and says that it is done.
pub fn carry_out(
    session: &Session,
    consent: Consent,
    plan: &Plan,
    done: &str,
    out: &mut Output,
) -> anyhow::Result<End> {
    if !agreed(session, consent, plan, out)? {
        return Ok(consent.left());
    }
    for call in &plan.calls {
        session.client.send(call).map_err(|error| told(&error))?;
    }
    finished(session, done, out)
}

/// Says that something is done.
pub fn finished(session: &Session, done: &str, out: &mut Output) -> anyhow::Result<End> {
    if session.json {
        out.json(&serde_json::json!({ "done": done }))?;
    } else {
        let word = out.styled(Style::Green, "done");
        out.line(format!("{word} {done}"))?;
    }
    Ok(End::Well)
}

/// The one of these that a person means: by its id or its name, by its name whatever the case, or by
/// how its name begins where only one does.
pub fn choose<'r, T>(
    what: &str,
    wanted: &str,
    rows: &'r [T],
    names: impl Fn(&T) -> (&str, &str),
) -> anyhow::Result<&'r T> {
    let lower = wanted.to_lowercase();
    let all = |is: &dyn Fn(&str, &str) -> bool| -> Vec<&T> {
        rows.iter().filter(|row| is(names(row).0, names(row).1)).collect()
    };
    let found = [
        all(&|id, name| id == wanted || name == wanted),
        all(&|_, name| name.to_lowercase() == lower),
        all(&|_, name| name.to_lowercase().starts_with(&lower)),
    ];
    let found = found.into_iter().find(|rows| !rows.is_empty()).unwrap_or_default();
    if let [one] = found.as_slice() {
        return Ok(one);
    }
    let wanted = text::escape(wanted);
    let shown: Vec<&T> = if found.is_empty() { rows.iter().collect() } else { found.clone() };
    let listed: Vec<String> = shown
        .into_iter()
        .take(8)
        .map(|row| format!("`{}` ({})", text::escape(names(row).1), text::escape(names(row).0)))
        .collect();
    let fact = if found.is_empty() {
        format!("there is no {what} `{wanted}`")
    } else {
        format!("`{wanted}` means more than one {what}")
    };
    if listed.is_empty() {
        return Err(Usage::of(format!("{fact}: there is none at all")));
    }
    Err(Usage::of(format!("{fact}\nhint: {}", listed.join(", "))))
}

/// Numbers as bars of a line.
pub fn sparkline(numbers: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    numbers
        .iter()
        .map(|number| {
            let step = u128::from(*number) * 7 / u128::from(most);
            usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied().unwrap_or('█')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_go_from_the_least_to_the_most() {
        assert_eq!(sparkline(&[0, 1, 50, 100]), "▁▁▄█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, 0]), "▁▁");
        assert_eq!(sparkline(&[u64::MAX]), "█");
    }

    #[test]
    fn a_name_means_one_thing_or_is_asked_about() {
        let rows = [("1", "Administrator"), ("2", "Analytics"), ("3", "DNS")];
        let find = |wanted| choose("role", wanted, &rows, |row| (row.0, row.1)).map(|row| row.0);
        assert_eq!(find("dns").unwrap(), "3");
        assert_eq!(find("adm").unwrap(), "1");
        assert_eq!(find("2").unwrap(), "2");
        let cases = [("1", "ci"), ("2", "CI")];
        let of_case =
            |wanted| choose("token", wanted, &cases, |row| (row.0, row.1)).map(|row| row.0);
        assert_eq!((of_case("ci").unwrap(), of_case("CI").unwrap()), ("1", "2"));
        assert!(of_case("Ci").is_err());
        let none: [(&str, &str); 0] = [];
        let error = choose("role", "x", &none, |row| (row.0, row.1)).unwrap_err().to_string();
        assert_eq!(error, "there is no role `x`: there is none at all");
        let both = find("A").unwrap_err().to_string();
        assert!(both.starts_with("`A` means more than one role\nhint: "), "{both}");
        assert!(find("x").unwrap_err().to_string().contains("`DNS` (3)"));
    }
}
