//! Looking for nginx: its logs with their formats, and the proxies before it.

use super::found::{Found, FoundSource, Proxied, Server};
use super::nginx_conf::{self, AccessLog, NginxFacts};
use super::place::{Place, last_lines};
use crate::clock;
use crate::decisions::proxies::CLOUDFLARE_RANGES;
use crate::event::{Event, Field, Kind, net};
use crate::limits::LOG_TAIL_BYTES_MAX;
use crate::parsers::{Parser, ParserConfig};
use ipnet::IpNet;
use std::net::IpAddr;

const CONFIGS: [&str; 4] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
];

const DEFAULT_ACCESS: &str = "/var/log/nginx/access.log";
const DEFAULT_ERROR: &str = "/var/log/nginx/error.log";

/// What nginx logs for `combined`, with a variable more.
const COMBINED_WITH: &str = "log_format riposte '$remote_addr - \"$remote_user\" [$time_local] \"$request\" '\n    '$status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" '\n    ";

/// nginx's own config, with all that it includes.
pub fn config(place: &Place) -> Option<(String, NginxFacts)> {
    let path = CONFIGS.into_iter().find(|path| place.has(path))?;
    let text = place.read(path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let facts = nginx_conf::read(&text, &mut |pattern| {
        let pattern = if pattern.starts_with('/') {
            pattern.to_owned()
        } else {
            format!("{folder}/{pattern}")
        };
        let files = place.glob(&pattern);
        files.into_iter().filter_map(|file| Some((file.clone(), place.read(&file)?))).collect()
    });
    Some((path.to_owned(), facts))
}

/// Looks for nginx.
pub fn look(place: &Place, found: &mut Found) {
    let Some((path, mut facts)) = config(place) else {
        for (name, format, log) in
            [("nginx", "nginx", DEFAULT_ACCESS), ("nginx-error", "nginx-error", DEFAULT_ERROR)]
        {
            if place.has(log) {
                found.sources.push(source(name, format, vec![log.to_owned()], "its usual place"));
            }
        }
        return;
    };
    found.servers.push(Server { name: "nginx", format: "nginx-geo" });
    with_defaults(place, &mut facts);
    let mut named: Vec<String> = Vec::new();
    for log in &facts.access {
        if !named.contains(&log.format) {
            named.push(log.format.clone());
        }
    }
    for format in &named {
        access_source(&path, format, &facts, found);
    }
    if !facts.errors.is_empty() {
        let why = format!("`error_log` of {path}");
        found.sources.push(source("nginx-error", "nginx-error", facts.errors.clone(), &why));
    }
    tell_of_settings(&facts.access, found);
    proxies(place, &facts, found);
}

fn source(name: &str, format: &'static str, paths: Vec<String>, why: &str) -> FoundSource {
    FoundSource {
        name: name.to_owned(),
        format,
        log_format: None,
        paths,
        why: why.to_owned(),
        from_journal: false,
    }
}

/// Adds nginx's built-in logs where the config leaves them to it, and makes all paths absolute.
fn with_defaults(place: &Place, facts: &mut NginxFacts) {
    if facts.default_access && place.has(DEFAULT_ACCESS) {
        let known = facts.access.iter().any(|log| log.path == DEFAULT_ACCESS);
        if !known {
            facts.access.push(AccessLog {
                path: DEFAULT_ACCESS.to_owned(),
                format: "combined".to_owned(),
                buffered: false,
                gzip: false,
            });
        }
    }
    let default_error = DEFAULT_ERROR.to_owned();
    if facts.default_error && place.has(DEFAULT_ERROR) && !facts.errors.contains(&default_error) {
        facts.errors.push(default_error);
    }
    let absolute = |path: &mut String| {
        if !path.starts_with('/') {
            // The folder that relative logs start at is compiled into nginx.
            let prefixes = ["/usr/share/nginx", "/usr/local/nginx", "/etc/nginx", "/var/lib/nginx"];
            let full = |prefix: &str| format!("{prefix}/{path}");
            let there = prefixes.into_iter().map(full).find(|full| !place.glob(full).is_empty());
            *path = there.unwrap_or_else(|| full("/usr/share/nginx"));
        }
    };
    facts.access.iter_mut().map(|log| &mut log.path).chain(&mut facts.errors).for_each(absolute);
}

/// The source of all logs of one format.
fn access_source(config: &str, format: &str, facts: &NginxFacts, found: &mut Found) {
    let of_format = facts.access.iter().filter(|log| log.format == format && !log.gzip);
    let paths: Vec<String> = of_format.map(|log| log.path.clone()).collect();
    if paths.is_empty() {
        return;
    }
    let Some(text) = facts.formats.get(format) else {
        let why = format!("`access_log` of {config}");
        found.sources.push(source("nginx", "nginx", paths, &why));
        return;
    };
    match Parser::build(&parser_config(text)) {
        Ok(parser) => {
            for warning in parser.warnings() {
                found.notes.push(format!("log_format `{format}`: {warning}"));
            }
            found.sources.push(FoundSource {
                name: source_name(format, &found.sources),
                format: "nginx",
                log_format: Some(text.clone()),
                paths,
                why: format!("`access_log` of {config}, log_format `{format}`"),
                from_journal: false,
            });
        }
        Err(error) => found.notes.push(format!(
            "the log_format `{format}` can't be read, so {} is left out: {error}",
            paths.join(", ")
        )),
    }
}

/// `nginx-FORMAT`, with what can't stand in a name left out, and no second time.
fn source_name(format: &str, taken: &[FoundSource]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let mut name = format!("nginx-{}", format.chars().map(plain).collect::<String>());
    while name == "nginx-error" || taken.iter().any(|source| source.name == name) {
        name.push_str("-access");
    }
    name
}

fn parser_config(log_format: &str) -> ParserConfig {
    ParserConfig {
        format: "nginx".to_owned(),
        log_format: Some(log_format.to_owned()),
        ..ParserConfig::default()
    }
}

fn tell_of_settings(logs: &[AccessLog], found: &mut Found) {
    for log in logs {
        if log.gzip {
            found.notes.push(format!(
                "{} is compressed as it is written (`gzip` of its access_log), so it can't be followed: it is left out",
                log.path
            ));
        } else if log.buffered {
            found.notes.push(format!(
                "nginx keeps the lines of {} back (`buffer=` or `flush=` of its access_log): blocks come that much later",
                log.path
            ));
        }
    }
}

/// Finds the proxies before nginx, and what its log tells of them.
fn proxies(place: &Place, facts: &NginxFacts, found: &mut Found) {
    let ranges: Vec<IpNet> = CLOUDFLARE_RANGES.iter().filter_map(|net| net.parse().ok()).collect();
    let of_cloudflare = |net: &IpNet| ranges.iter().any(|range| range.contains(net));
    let believed: Vec<IpNet> =
        facts.real_ip_from.iter().filter_map(|text| net::parse_net(text)).collect();
    for net in &believed {
        if net.prefix_len() == 0 {
            found.notes.push(format!(
                "`set_real_ip_from {net}` lets everybody choose the address that is logged: name the proxies' own addresses in nginx.conf"
            ));
        } else if !of_cloudflare(net) {
            found.trusted_proxies.push(net::display_net(net));
        }
    }
    let header = facts.real_ip_header.as_deref().unwrap_or("");
    let rewritten = facts.rewrites_addresses();
    let cloudflare = header.eq_ignore_ascii_case("cf-connecting-ip")
        || believed.iter().any(of_cloudflare)
        || (!rewritten
            && seen_in_logs(place, found, &|address| {
                ranges.iter().any(|range| range.contains(&address))
            }));
    if !rewritten && !cloudflare {
        return;
    }
    let variable = if rewritten { "$realip_remote_addr" } else { "$http_cf_connecting_ip" };
    let formats = || facts.access.iter().map(|log| facts.formats.get(&log.format));
    let peer_logged = formats().all(|text| text.is_some_and(|text| text.contains(variable)));
    let without = formats().find(|text| text.is_none_or(|text| !text.contains(variable)));
    found.proxied = Some(Proxied {
        cloudflare,
        rewritten,
        peer_logged,
        log_format: offered(without.flatten().map(String::as_str), variable),
    });
}

/// The `log_format` with a variable more.
fn offered(text: Option<&str>, variable: &str) -> String {
    match text {
        None if variable == "$http_cf_connecting_ip" => format!("{COMBINED_WITH}'\"{variable}\"';"),
        None => format!("{COMBINED_WITH}'{variable}';"),
        Some(json) if json.contains("escape=json") => {
            let text = json.trim_end_matches(';').trim_end();
            match text.rsplit_once('}') {
                Some((front, back)) => format!("{front},\"peer\":\"{variable}\"}}{back};"),
                None => format!("{text}\n    ' {variable}';"),
            }
        }
        // Before anything that a client writes.
        Some(text) if variable == "$realip_remote_addr" && text.contains("$remote_addr") => {
            text.replacen("$remote_addr", "$remote_addr $realip_remote_addr", 1)
        }
        Some(text) => {
            format!("{}\n    ' \"{variable}\"';", text.trim_end_matches(';').trim_end())
        }
    }
}

/// Whether most of the last requests of an access log come from such addresses.
fn seen_in_logs(place: &Place, found: &Found, is_one: &dyn Fn(IpAddr) -> bool) -> bool {
    let (mut all, mut such) = (0_usize, 0_usize);
    for source in found.sources.iter().filter(|source| source.format == "nginx") {
        let config = ParserConfig {
            format: "nginx".to_owned(),
            log_format: source.log_format.clone(),
            ..ParserConfig::default()
        };
        let Ok(mut parser) = Parser::build(&config) else { continue };
        let now = clock::now();
        let mut event = Event::new(Kind::Http, now);
        for path in source.paths.iter().flat_map(|path| place.glob(path)) {
            let lines = last_lines(&place.real(&path), LOG_TAIL_BYTES_MAX).unwrap_or_default();
            for line in lines {
                event.reset(line.clone());
                if parser.parse(&line, now, &mut event).is_ok()
                    && let Some(address) = event.ip(Field::Ip)
                {
                    all += 1;
                    such += usize::from(is_one(address));
                }
            }
        }
    }
    all >= 10 && such * 2 > all
}
