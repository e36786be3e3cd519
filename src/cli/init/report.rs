//! What `init` says to the person at the terminal: what was found, what to mind, what comes next.
//! Pure: lines with their styles.

use super::found::{Found, Nft, Proxied};
use crate::cli::output::{Style, table};
use crate::event::text;
use std::path::Path;

/// A line and how it is shown.
pub type Line = (Style, String);

/// What was found, and what should be known of it.
pub fn findings(found: &Found) -> Vec<Line> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for source in &found.sources {
        let paths = match source.paths.as_slice() {
            [first, second, third, rest @ ..] if !rest.is_empty() => {
                format!("{first}, {second}, {third} and {} more", rest.len())
            }
            [] => "the journal".to_owned(),
            few => few.join(", "),
        };
        let line = format!("{paths} ({})", source.why);
        rows.push(vec![format!("  {}", source.name), text::escape(&line).into_owned()]);
    }
    let nft = match &found.nft {
        Nft::Usable => "usable: blocks go into the kernel",
        Nft::Missing => "not installed: nothing is blocked in the kernel",
        Nft::Refused(_) => "not usable by this user",
    };
    rows.push(vec!["  nftables".to_owned(), nft.to_owned()]);
    for server in &found.servers {
        let line = "can be given a file of blocked clients; it is in the config, commented";
        rows.push(vec![format!("  {}", server.name), line.to_owned()]);
    }
    for (address, why) in &found.administrators {
        rows.push(vec!["  never blocked".to_owned(), format!("{address} ({why})")]);
    }
    let own: Vec<String> = found.own.iter().map(ToString::to_string).collect();
    if !own.is_empty() {
        rows.push(vec!["  own addresses".to_owned(), own.join(", ")]);
    }
    let mut lines = vec![(Style::Bold, "found".to_owned())];
    lines.extend(table(&rows).into_iter().map(|line| (Style::Plain, line)));
    let notes = notes(found);
    if !notes.is_empty() {
        lines.push((Style::Bold, "\nto mind".to_owned()));
        lines.extend(notes.iter().flat_map(|note| item(note)));
    }
    lines
}

/// A note as an item of a list.
fn item(note: &str) -> Vec<Line> {
    let show = |(number, line): (usize, &str)| {
        let mark = if number == 0 { "  - " } else { "    " };
        let style = if number == 0 { Style::Yellow } else { Style::Plain };
        (style, format!("{mark}{}", text::escape(line)))
    };
    note.lines().enumerate().map(show).collect()
}

fn notes(found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    if found.sources.is_empty() {
        notes.push("no log was found: name yours in the config (`[[sources]]`)".to_owned());
    }
    notes.extend(found.notes.iter().cloned());
    if let Some(proxied) = &found.proxied {
        notes.extend(of_proxied(proxied));
    }
    if found.nft == Nft::Missing {
        let without =
            if found.servers.is_empty() { "" } else { ", or let the web server answer 403" };
        notes.push(format!("nftables is not installed, so nothing can be blocked in the kernel: `apt install nftables`{without}"));
    }
    notes
}

fn of_proxied(proxied: &Proxied) -> Vec<String> {
    let who = if proxied.cloudflare { "Cloudflare" } else { "a proxy" };
    let reaches = if proxied.cloudflare {
        "the file for the web server does, and Cloudflare itself: see `[[actions.files]]` and `[[actions.cloudflare]]`"
    } else {
        "the file for the web server does, see `[[actions.files]]`"
    };
    let mut notes = vec![format!(
        "clients come through {who}: a kernel block doesn't reach those (their packets carry the proxy's address, which is never blocked); {reaches}"
    )];
    if proxied.peer_logged {
        return notes;
    }
    let log_format = proxied.log_format.replace('\n', "\n    ");
    notes.push(if proxied.rewritten {
        format!(
            "nginx's log doesn't tell which clients came through the proxy, so blocks go everywhere; with this in nginx.conf (and its name in `access_log`) it does; then run `riposte init --force`\n    {log_format}"
        )
    } else {
        format!(
            "nginx's log shows {who}'s addresses instead of the clients', so nobody can be blocked; with this in nginx.conf (and its name in `access_log`) it shows both; then run `riposte init --force`\n    {log_format}"
        )
    });
    notes
}

/// What to do next.
pub fn next_steps(found: &Found, config: &Path, is_default: bool) -> Vec<Line> {
    let option = if is_default { String::new() } else { format!(" -c {}", config.display()) };
    let mut rows =
        vec![vec![format!("  riposte{option} check"), "config and rules are right?".to_owned()]];
    let log = found.sources.first().and_then(|source| source.paths.first());
    if let Some(log) = log {
        rows.push(vec![
            format!("  riposte{option} replay {}", text::escape(log)),
            "what the rules would have done on your log".to_owned(),
        ]);
    }
    rows.push(vec![
        format!("  riposte{option} run"),
        "start it (deploy/README.md: as a service)".to_owned(),
    ]);
    rows.push(vec![format!("  riposte{option} doctor"), "is all well?".to_owned()]);
    let mut lines = vec![(Style::Bold, "\nnext".to_owned())];
    lines.extend(table(&rows).into_iter().map(|line| (Style::Plain, line)));
    lines
}
