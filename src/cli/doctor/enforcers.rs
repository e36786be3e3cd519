//! The doctor looks at the enforcers: can they work, do they hold what they should, and does the
//! web server mind its file?

use super::report::Report;
use crate::actions::cloudflare::verify::verify;
use crate::actions::{self, CloudflareConfig, Compared, GLOBAL_KEY, WebFileConfig, WebFileFormat};
use crate::cli::init::nginx;
use crate::cli::init::page::snippet;
use crate::cli::init::place::Place;
use crate::clock;
use crate::config::Config;
use crate::decisions::{CloudflareCall, Decision};
use crate::pipeline::control::Status;
use crate::process::{self, ProcessError, Program};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The longest that a call to Cloudflare waits for its budget here.
const CLOUDFLARE_PATIENCE: Duration = Duration::from_secs(5);

/// Looks at all enforcers; `asked` is what rules ask of Cloudflare.
pub fn check(
    config: &Config,
    (daemon, in_force): (Option<&Status>, Option<&[Decision]>),
    asked: &BTreeSet<CloudflareCall>,
    report: &mut Report,
) {
    if config.actions.enforcer_names().is_empty() {
        report.warning(
            "enforcer",
            "the config names no enforcer, so blocks are only journaled",
            "add `[actions.nftables]` or an `[[actions.files]]` (`riposte init --print` shows both)",
        );
    }
    nft(config, report);
    crate::cloudflare::keep_stops_in(&config.state_dir);
    for account in &config.actions.cloudflare {
        cloudflare(account, &config.guard.proxy_nets(), asked, report);
    }
    for (name, result) in
        actions::inspect(&config.actions, in_force.unwrap_or_default(), clock::now())
    {
        match result {
            Err(error) => report.failed("enforcer", &format!("`{name}`: {error}")),
            // Without the store nothing can be compared.
            Ok(_) if in_force.is_none() => {}
            Ok(compared) => told(&name, compared, daemon, report),
        }
    }
    for file in &config.actions.files {
        included(file, report);
    }
}

/// Whether nft is there and may be used. What the table holds is `told`.
fn nft(config: &Config, report: &mut Report) {
    let Some(nft) = config.actions.nftables.as_ref().filter(|nft| nft.enabled) else { return };
    let run = |arguments: &[&str]| {
        let argv = nft.command.iter().map(String::as_str).chain(arguments.iter().copied());
        process::run(&Program::new(argv))
    };
    match run(&["--version"]) {
        Err(ProcessError::Missing { program }) => {
            report.error(
                "nftables",
                format!("program `{program}` is not there"),
                "apt install nftables",
            );
        }
        Err(error) => report.failed("nftables", &error),
        Ok(version) => {
            let said = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            match run(&["list", "tables"]) {
                Ok(listed) if listed.success() => report.well("nftables", format!("{said}, usable")),
                Ok(listed) => report.error(
                    "nftables",
                    format!("{said}, but it can't be used here: {}", listed.words()),
                    "run as root or with CAP_NET_ADMIN (deploy/riposte.service does); a container needs it too",
                ),
                Err(error) => report.failed("nftables", &error),
            }
        }
    }
}

/// Whether the token is good and sees what the config asks for.
fn cloudflare(
    account: &CloudflareConfig,
    proxies: &[IpNet],
    asked: &BTreeSet<CloudflareCall>,
    report: &mut Report,
) {
    // That the token can't be read is told with the secrets.
    let Ok(token) = process::resolve_secret(&account.token) else { return };
    let client = account.client(token, CLOUDFLARE_PATIENCE);
    if client.has_global_key() {
        let (message, hint) = GLOBAL_KEY;
        report.warning("cloudflare", format!("`{}`: {message}", account.name), hint);
    }
    for check in verify(&client, account, proxies, asked) {
        let message = format!("`{}`: {}: {}", account.name, check.what, check.found);
        if check.well {
            report.well("cloudflare", message);
        } else {
            let hint = check.hint.unwrap_or_else(|| "riposte cf verify --trace".to_owned());
            report.error("cloudflare", message, hint);
        }
    }
}

fn told(name: &str, compared: Compared, daemon: Option<&Status>, report: &mut Report) {
    let Compared { present, missing, extra } = compared;
    if missing == 0 && extra == 0 {
        report.well("enforcer", format!("`{name}` holds what is in force ({present} entries)"));
        return;
    }
    let message =
        format!("`{name}` differs from what is in force: {missing} missing, {extra} too many");
    match daemon {
        Some(status) if status.dry_run => report.note("enforcer", message, "it is a dry run"),
        // A decision of this very moment is on its way.
        Some(_) => report.warning(
            "enforcer",
            message,
            "riposte mends it within a minute; if it stays so, its log says why (`journalctl -u riposte`)",
        ),
        None => report.warning("enforcer", message, "start riposte: it mends this at its start"),
    }
}

/// Where the config of a server that reads such a file lies.
fn server_configs(format: WebFileFormat) -> &'static [&'static str] {
    match format {
        WebFileFormat::HaproxyMap => &["/etc/haproxy/*.cfg", "/etc/haproxy/conf.d/*.cfg"],
        WebFileFormat::Apache => &[
            "/etc/apache2/apache2.conf",
            "/etc/apache2/*-enabled/*",
            "/etc/httpd/conf/*.conf",
            "/etc/httpd/conf.d/*.conf",
        ],
        WebFileFormat::Caddy | WebFileFormat::CaddyRemoteIp => {
            &["/etc/caddy/Caddyfile", "/etc/caddy/*.caddy", "/etc/caddy/conf.d/*"]
        }
        WebFileFormat::NginxGeo | WebFileFormat::NginxDeny | WebFileFormat::Plain => &[],
    }
}

/// Whether the server's config reads the file, where that can be seen.
fn included(file: &WebFileConfig, report: &mut Report) {
    let place = Place::new(Path::new("/"));
    let path = file.path.display().to_string();
    let (is_included, name) = match file.format {
        WebFileFormat::Plain => return,
        WebFileFormat::NginxGeo | WebFileFormat::NginxDeny => {
            let Some((_, facts)) = nginx::config(&place) else { return };
            let names = |pattern: &String| {
                glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(&path))
            };
            let name =
                if file.format == WebFileFormat::NginxGeo { "nginx-geo" } else { "nginx-deny" };
            (facts.includes.iter().any(names), name)
        }
        other => {
            let configs: Vec<String> =
                server_configs(other).iter().flat_map(|pattern| place.glob(pattern)).collect();
            if configs.is_empty() {
                return;
            }
            let named =
                |config: &String| place.read(config).is_some_and(|text| text.contains(&path));
            let name = match other {
                WebFileFormat::HaproxyMap => "haproxy-map",
                WebFileFormat::Apache => "apache",
                _ => "caddy",
            };
            (configs.iter().any(named), name)
        }
    };
    if is_included {
        report.well("enforcer", format!("`{}`: the server's config reads {path}", file.name));
    } else {
        report.error(
            "enforcer",
            format!(
                "`{}`: the server's config doesn't read {path}, so these blocks do nothing",
                file.name
            ),
            format!(
                "put this into it and reload the server:\n{}",
                snippet(name).replace("{path}", &path)
            ),
        );
    }
    if file.reload.is_empty() && file.format != WebFileFormat::Plain {
        report.note(
            "enforcer",
            format!("`{}`: the config has no `reload` for it", file.name),
            "something else must reload the server when the file changes (deploy/README.md: riposte-reload@.path)",
        );
    }
}
