//! The config as `init` writes it: what was found, with a comment beside each choice. Pure.
//!
//! In: [`Found`]. Out: the text of `riposte.toml`, which `riposte check` finds nothing wrong with.

use super::found::{Found, FoundSource, Nft, Server};
use super::look::is_private;
use crate::event::net::{client_net, display_net};
use crate::event::text;
use std::path::Path;

/// The whole file. `folder` is where it will lie; `with_rules` says that `rules/` is made there.
pub fn page(found: &Found, folder: &Path, with_rules: bool) -> String {
    let mut text = String::from(
        "# Riposte: made by `riposte init` for this machine. Every key is in docs/config.md.\n\
         # After a change: `riposte check`, then `systemctl reload riposte` (or send SIGHUP).\n",
    );
    sources(found, &mut text);
    rules(with_rules, &mut text);
    guard(found, &mut text);
    nftables(&found.nft, &mut text);
    for server in &found.servers {
        web_file(server, folder, &mut text);
    }
    if found.proxied.as_ref().is_some_and(|proxied| proxied.cloudflare) {
        cloudflare(folder, &mut text);
    }
    text
}

/// A text as TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A line of the page.
fn put(out: &mut String, line: impl AsRef<str>) {
    out.push_str(line.as_ref());
    out.push('\n');
}

fn heading(out: &mut String, words: &str) {
    put(out, format!("\n# --- {words}"));
}

fn sources(found: &Found, out: &mut String) {
    heading(
        out,
        "Logs that are followed. A file need not exist yet; `riposte parse FILE` tries a format.",
    );
    for source in &found.sources {
        one_source(source, out);
    }
    if found.sources.is_empty() {
        put(out, "# No log was found. For example:");
        put(out, "# [[sources]]");
        put(out, "# name = \"web\"");
        put(out, "# format = \"auto\"");
        put(out, "# paths = [\"/var/log/nginx/access.log\"]");
    }
}

fn one_source(source: &FoundSource, out: &mut String) {
    put(out, format!("\n# Found: {}.", text::escape(&source.why)));
    put(out, "[[sources]]");
    put(out, format!("name = {}", quoted(&source.name)));
    if source.from_journal {
        put(out, "type = \"journald\"");
        put(out, "[sources.journald]");
        put(
            out,
            "# sshd's entries, as it wrote them itself: whoever logs in could write such lines too.",
        );
        put(out, "identifiers = [\"sshd\", \"sshd-session\", \"sshd-auth\"]");
        put(out, "uids = [0]");
        return;
    }
    put(out, format!("format = {}", quoted(source.format)));
    match source.paths.as_slice() {
        [one] => put(out, format!("paths = [{}]", quoted(one))),
        several => {
            put(out, "paths = [");
            for path in several {
                put(out, format!("    {},", quoted(path)));
            }
            put(out, "]");
        }
    }
    if let Some(log_format) = &source.log_format {
        // A literal text of TOML can't hold these.
        let odd = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
        if log_format.contains("'''") || log_format.contains(odd) {
            put(out, format!("log_format = {}", quoted(log_format)));
        } else {
            put(out, format!("log_format = '''\n{log_format}'''"));
        }
    }
}

fn rules(with_rules: bool, out: &mut String) {
    heading(out, "Rules. The ones that ship with riposte are on; `riposte rules list` shows them.");
    put(out, "[rules]");
    put(out, "# Your own rules: every *.rhai in this folder (beside this file).");
    put(out, if with_rules { "paths = [\"rules\"]" } else { "# paths = [\"rules\"]" });
    put(out, "# modes = { http-flood = \"shadow\" }            # enforce, shadow or off, by rule");
    put(out, "# params = { http-login = { failures = 40 } }  # settings that a rule file offers");
}

fn guard(found: &Found, out: &mut String) {
    heading(out, "What is never blocked, whatever a rule says.");
    put(out, "[guard]");
    put(
        out,
        "# Addresses, prefixes and host names; `riposte allow ADDRESS` adds more at any time.",
    );
    if found.administrators.is_empty() {
        put(out, "allow = []");
    } else {
        put(out, "allow = [");
        for (address, why) in &found.administrators {
            let net = display_net(&client_net(*address));
            put(out, format!("    {},  # {why}", quoted(&net)));
        }
        put(out, "]");
    }
    let shown: Vec<String> = found.own.iter().map(ToString::to_string).collect();
    if !shown.is_empty() {
        put(out, format!("# This machine's own addresses are known: {}.", shown.join(", ")));
    }
    if !found.own.is_empty() && found.own.iter().all(|address| is_private(*address)) {
        put(
            out,
            "# None of them is public: if the machine is behind NAT, its public address belongs here.",
        );
        put(out, "# own = [\"198.51.100.1\"]");
    }
    if !found.trusted_proxies.is_empty() {
        put(
            out,
            "# From `set_real_ip_from` of nginx: proxies that are believed, and never blocked.",
        );
        let shown: Vec<String> = found.trusted_proxies.iter().map(|net| quoted(net)).collect();
        put(out, format!("trusted_proxies = [{}]", shown.join(", ")));
    }
    if found.proxied.as_ref().is_some_and(|proxied| proxied.cloudflare) {
        put(out, "# Cloudflare's own ranges are believed and never blocked.");
        put(out, "cloudflare = true");
    }
}

fn nftables(nft: &Nft, out: &mut String) {
    heading(out, "Where blocks are put in force.");
    match nft {
        Nft::Usable => {
            put(out, "# In the kernel: our own table `inet riposte`; nothing else is touched.");
            put(out, "[actions.nftables]");
            put(out, "# false: a block leaves connections alone that are already open.");
            put(out, "cut_established = true");
        }
        Nft::Missing => {
            put(out, "# nftables is not installed, so nothing is blocked in the kernel. After");
            put(out, "# `apt install nftables` (or `dnf install nftables`) take the # away:");
            put(out, "# [actions.nftables]");
        }
        Nft::Refused(_) => {
            put(out, "# nft is installed, but the user who ran `riposte init` may not use it.");
            put(out, "# Where riposte itself runs as root or with CAP_NET_ADMIN, take the # away:");
            put(out, "# [actions.nftables]");
        }
    }
}

/// Clients come through Cloudflare: a block in the kernel does nothing to them.
fn cloudflare(folder: &Path, out: &mut String) {
    let token = folder.join("cloudflare.token").display().to_string();
    put(out, "\n# At Cloudflare, where clients that come through it can be blocked. Two steps:");
    put(
        out,
        "# 1. make a token at https://dash.cloudflare.com/profile/api-tokens (docs/cloudflare.md names",
    );
    put(out, format!("#    its permissions) and put it into {token}, mode 0600;"));
    put(out, "# 2. take the # away; `riposte cf verify` then says whether all is well.");
    put(out, "# [[actions.cloudflare]]");
    put(out, format!("# token = {}", quoted(&format!("file:{token}"))));
}

/// What must stand in a server's config so that it minds the file; `{path}` is the file's.
pub fn snippet(format: &str) -> &'static str {
    match format {
        "nginx-geo" => {
            "geo $riposte {               # in http { … }\n    default \"\";\n    include {path};\n}\nif ($riposte = block) { return 403; }    # in each server { … }"
        }
        "nginx-deny" => "include {path};              # in http, server or location { … }",
        "haproxy-map" => {
            "http-request deny if { src,map_ip({path}) -m str block }    # in each frontend"
        }
        "apache" => {
            "<Location \"/\">               # in each <VirtualHost>\n    AuthMerging And\n    <RequireAll>\n        Require all granted\n        IncludeOptional {path}\n    </RequireAll>\n</Location>"
        }
        "caddy" => {
            "import {path}                # in each site; Caddy before 2.7: format caddy-remote-ip\n{ order error first }        # in the global options"
        }
        _ => "",
    }
}

fn web_file(server: &Server, folder: &Path, out: &mut String) {
    let path = folder.join("blocked").join(format!("{}.list", server.name));
    let path = path.display().to_string();
    put(
        out,
        format!(
            "\n# A file for {}: answers 403 also to clients that come through a proxy. Take the # away,",
            server.name
        ),
    );
    put(out, "# start riposte (it makes the file), then put this into the server's config:");
    for line in snippet(server.format).replace("{path}", &path).lines() {
        put(out, format!("#     {line}"));
    }
    let reload: &[&str] = match server.name {
        "nginx" => &["nginx", "-s", "reload"],
        "apache2" | "httpd" => &["apachectl", "graceful"],
        "caddy" => &["caddy", "reload", "--config", "/etc/caddy/Caddyfile"],
        _ => &["systemctl", "reload", "haproxy"],
    };
    let words: Vec<String> = reload.iter().map(|word| quoted(word)).collect();
    put(out, "# [[actions.files]]");
    put(out, format!("# name = {}", quoted(server.name)));
    put(out, format!("# format = {}", quoted(server.format)));
    put(out, format!("# path = {}", quoted(&path)));
    put(out, "# With deploy/riposte.service leave this away: `systemctl enable --now");
    let unit = format!("riposte-reload@{}.path", server.name);
    put(out, format!("# {unit}` reloads the server instead (deploy/README.md)."));
    put(out, format!("# reload = [{}]", words.join(", ")));
}
