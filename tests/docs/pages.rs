//! The config reference and the example config, as text.

use crate::definitions::{Definitions, Field, Struct};
use std::fmt::Write as _;

/// A table of the config: its name, whether there may be several, its type, and what is said first.
struct Section {
    table: &'static str,
    several: bool,
    of: &'static str,
}

const fn one(table: &'static str, of: &'static str) -> Section {
    Section { table, several: false, of }
}

const fn several(table: &'static str, of: &'static str) -> Section {
    Section { table, several: true, of }
}

const SECTIONS: &[Section] = &[
    several("sources", "SourceConfig"),
    one("sources.syslog", "SyslogConfig"),
    one("sources.journald", "JournaldConfig"),
    one("sources.cloudflare", "CloudflareSourceConfig"),
    one("sources.host", "HostConfig"),
    one("sources.http", "HttpConfig"),
    one("sources.http.signature", "SignatureConfig"),
    one("intake", "IntakeConfig"),
    several("feeds", "FeedConfig"),
    one("geo", "GeoConfig"),
    one("bots", "BotsConfig"),
    one("rules", "RulesConfig"),
    one("guard", "GuardConfig"),
    one("actions.nftables", "NftablesConfig"),
    several("actions.files", "WebFileConfig"),
    several("actions.cloudflare", "CloudflareConfig"),
    several("actions.webhooks", "WebhookConfig"),
    several("actions.programs", "ProgramConfig"),
    several("actions.channels", "ChannelConfig"),
    one("vaults", "VaultsConfig"),
    one("vaults.vault", "VaultConfig"),
    one("vaults.aws", "AwsConfig"),
    one("vaults.azure", "AzureConfig"),
    one("retention", "RetentionConfig"),
    one("memory", "MemoryConfig"),
    one("alarms", "AlarmsConfig"),
    one("log", "LogConfig"),
];

/// A config with every table and no key that has a default.
pub const LEAST: &str = r#"
[[sources]]
name = "nginx"
paths = ["/var/log/nginx/access.log"]
[[sources]]
name = "syslog"
type = "syslog"
[sources.syslog]
listen = ["udp:127.0.0.1:5514", "tcp:127.0.0.1:5514"]
[[sources]]
name = "journal"
type = "journald"
[sources.journald]
[[sources]]
name = "waf"
type = "cloudflare"
[sources.cloudflare]
of = "firewall"
zone = "example.com"
token = "file:/etc/riposte/cloudflare-read.token"
[[sources]]
name = "host"
type = "host"
[sources.host]
[[sources]]
name = "github"
type = "http"
[sources.http]
secret = "file:/etc/riposte/github.secret"
[sources.http.signature]
header = "X-Hub-Signature-256"
[intake]
[[feeds]]
shipped = "spamhaus-drop"
[geo]
[bots]
[actions.nftables]
[[actions.files]]
name = "nginx"
format = "nginx-geo"
path = "/etc/riposte/blocked/nginx.list"
[[actions.cloudflare]]
token = "file:/etc/riposte/cloudflare.token"
[[actions.webhooks]]
name = "chat"
url = "https://chat.example.com/hook"
[[actions.programs]]
name = "tell"
argv = ["/usr/local/bin/tell", "--", "{message}"]
[[actions.channels]]
name = "ops"
to = "log"
[vaults.vault]
address = "https://vault.example.com:8200"
token = "file:/etc/riposte/vault.token"
[vaults.aws]
region = "eu-central-1"
[vaults.azure]
"#;

/// Values for keys that are absent by default.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("poll", "\"2s\""),
    ("path", "\"/etc/riposte/own.list\""),
    ("city", "\"/usr/share/GeoIP/GeoLite2-City.mmdb\""),
    ("country", "\"/usr/share/GeoIP/GeoLite2-Country.mmdb\""),
    ("asn", "\"/usr/share/GeoIP/GeoLite2-ASN.mmdb\""),
    ("format", "\"csv\""),
    ("column", "2"),
    ("column_last", "3"),
    ("separator", "\";\""),
    ("values", "\"data[].ip\""),
    ("refresh", "\"6h\""),
    ("token", "\"file:/etc/riposte/feed.key\""),
    ("token_header", "\"X-Api-Key\""),
    ("secret_header", "\"Authorization\""),
    ("delivery_header", "\"webhook-id\""),
    ("time_header", "\"webhook-timestamp\""),
    ("each", "\"alerts\""),
    ("remember", "\"7d\""),
    ("body_kib_max", "1024"),
    ("inflated_mib_max", "32"),
    ("max_change", "3.0"),
    ("may_be_empty", "true"),
    ("plugin", "\"wordpress-webhook\""),
    ("url", "\"https://www.example.com/health\""),
    ("connect", "\"203.0.113.10\""),
    ("status", "200"),
    ("every", "\"10s\""),
    ("interface", "\"eth0\""),
    ("log_format", "'$remote_addr [$time_iso8601] \"$request\" $status'"),
    ("pattern", "'^(?<ip>\\S+) (?<message>.*)$'"),
    ("labels", "[\"com.docker.compose.service\"]"),
    ("trust", "true"),
    ("certificate", "\"/etc/riposte/syslog.pem\""),
    ("key", "\"/etc/riposte/syslog.key\""),
    ("client_ca", "\"/etc/riposte/senders.pem\""),
    ("uids", "[0, 33]"),
    ("directory", "\"/var/log/journal/remote\""),
    ("tags", "{ shop = \"nginx\" }"),
    ("kind", "\"shop.login\""),
    ("time_format", "\"%Y-%m-%d %H:%M:%S\""),
    ("timezone", "\"Europe/Berlin\""),
    ("secret", "\"file:/etc/riposte/chat.key\""),
    ("authorization", "\"env:CHAT_TOKEN\""),
    ("email", "\"you@example.com\""),
    ("account", "\"0123456789abcdef0123456789abcdef\""),
    ("mark", "\"web1\""),
    ("user", "\"owner\""),
    ("sender", "\"riposte@example.com\""),
    ("recipients", "[\"ops@example.com\"]"),
    ("template", "\"{rule}: {message}\""),
    ("channel", "\"ops\""),
    ("status_page", "\"https://www.cloudflarestatus.com/api/v2/summary.json\""),
    ("windows_mib", "32"),
    ("namespace", "\"team\""),
    (
        "approle",
        "{ role_id = \"file:/etc/riposte/vault.role\", secret_id = \"file:/etc/riposte/vault.secret-id\" }",
    ),
    ("endpoint", "\"https://secrets.internal.example.com\""),
    ("ca_file", "\"/etc/riposte/vault-ca.pem\""),
    ("access_key_id", "\"file:/etc/riposte/aws.id\""),
    ("secret_access_key", "\"file:/etc/riposte/aws.key\""),
    ("tenant", "\"example.onmicrosoft.com\""),
    ("client_id", "\"00000000-0000-0000-0000-000000000000\""),
    ("client_secret", "\"file:/etc/riposte/azure.secret\""),
];

const HEAD: &str = "# The config\n\n<!-- Generated by tests/docs from the doc comments of the config types; edit those instead. -->\n\nRead when: you tune riposte, or wonder what a key does. `riposte init` writes a config for your\nmachine; [../deploy/riposte.toml](../deploy/riposte.toml) shows every key with its default.\n\nThe file is TOML, `/etc/riposte/riposte.toml` unless `--config` says otherwise. A key that riposte\ndoesn't know is an error, with the line and the word that was meant; `riposte check` tells all\nerrors at once. A running riposte reads the file again when it changes and on SIGHUP; a file with\nerrors changes nothing. A file that others could write is refused.\n\nDurations are a number and a unit (`30s`, `5m`, `1h30m`, `7d`). Secrets are references, never the\nsecret itself: `env:NAME`, `file:PATH`, `credential:NAME` (systemd),\n`exec:PROGRAM ARG…`, `vault:PATH#FIELD`, `aws-sm:NAME#FIELD`, `azure-kv:VAULT/NAME`\n([secrets.md](secrets.md)).\n";

/// docs/config.md
pub fn reference(definitions: &Definitions) -> String {
    let values = values();
    let mut out = String::from(HEAD);
    out.push_str("\n## At the top\n\n");
    let top = definitions.structure("Config");
    for field in top.fields.iter().filter(|field| is_plain_at_top(field)) {
        key(field, top, values.get(&field.name), definitions, &mut out);
    }
    for section in SECTIONS {
        let structure = definitions.structure(section.of);
        let (open, close) = if section.several { ("[[", "]]") } else { ("[", "]") };
        let more = if section.several { " As many of these as you like." } else { "" };
        write!(out, "\n## `{open}{}{close}`\n\n{}{more}\n\n", section.table, structure.doc)
            .unwrap();
        let defaults = value_at(&values, section);
        for field in structure.fields.iter().filter(|field| !has_a_section(field, structure)) {
            key(field, structure, defaults.get(&field.name), definitions, &mut out);
        }
    }
    out
}

/// Whether a key is a table that is told of in a section of its own.
fn has_a_section(field: &Field, structure: &Struct) -> bool {
    let parts = ["VaultsConfig", "SourceConfig", "HttpConfig"];
    parts.contains(&structure.name.as_str()) && field.kind.ends_with("Config>")
}

fn is_plain_at_top(field: &Field) -> bool {
    !field.kind.ends_with("Config") && !field.kind.starts_with("Vec<")
}

fn values() -> toml::Table {
    let config = riposte::config::parse(LEAST).unwrap();
    toml::Table::try_from(config).unwrap()
}

fn value_at(values: &toml::Table, section: &Section) -> toml::Table {
    let mut at = toml::Value::Table(values.clone());
    for part in section.table.split('.') {
        if let toml::Value::Array(list) = &at {
            // A part of one of several: the first that has it.
            at = list.iter().find(|one| one.get(part).is_some()).unwrap().clone();
        }
        at = at.get(part).unwrap_or_else(|| panic!("`{}` has no value", section.table)).clone();
    }
    if let toml::Value::Array(list) = &at {
        at = list.first().unwrap().clone();
    }
    at.as_table().unwrap().clone()
}

/// The default of a key (`guard.allow_asn`), where it has one that isn't for its example alone.
pub fn default_of(path: &str) -> Option<serde_json::Value> {
    let mut at = toml::Value::Table(values());
    for part in path.split('.') {
        if let toml::Value::Array(list) = &at {
            at = list.iter().find(|one| one.get(part).is_some())?.clone();
        }
        at = at.get(part)?.clone();
    }
    let shown =
        ["sources.paths", "sources.syslog.listen", "sources.http.secret", "vaults.vault.token"];
    (!shown.contains(&path)).then(|| serde_json::to_value(at).unwrap())
}

/// Whether the key must be given.
pub fn is_required(field: &Field, structure: &Struct) -> bool {
    !field.has_default && !structure.all_default
}

fn key(
    field: &Field,
    structure: &Struct,
    value: Option<&toml::Value>,
    definitions: &Definitions,
    out: &mut String,
) {
    let default = match value {
        _ if is_required(field, structure) => "required".to_owned(),
        // The example gives it a value, so it isn't the default that is there.
        Some(_) if structure.name == "SourceConfig" && field.name == "paths" => {
            "required for files".to_owned()
        }
        Some(_) if structure.name == "HttpConfig" && field.name == "secret" => {
            "absent by default".to_owned()
        }
        Some(_) if structure.name == "VaultConfig" && field.name == "token" => {
            "required without `approle`".to_owned()
        }
        Some(value) => format!("default `{}`", inline(value)),
        None => "absent by default".to_owned(),
    };
    writeln!(
        out,
        "- **`{}`** ({}; {default}): {}",
        field.name,
        words(field, definitions),
        field.doc
    )
    .unwrap();
    for (word, doc) in choices(field, definitions) {
        writeln!(out, "  - `{word}`: {doc}").unwrap();
    }
}

/// The words that a key may have, where it is a choice.
fn choices<'d>(field: &Field, definitions: &'d Definitions) -> &'d [(String, String)] {
    let bare = field.kind.trim_start_matches("Option<").trim_end_matches('>');
    let bare = bare.rsplit([' ', '<']).next().unwrap_or(bare);
    definitions.choice(bare).map_or(&[], |choice| &choice.variants)
}

/// A type in a word or two.
fn words(field: &Field, definitions: &Definitions) -> &'static str {
    let bare = field.kind.trim_start_matches("Option<");
    if field.is_duration || ["poll", "every", "refresh"].contains(&field.name.as_str()) {
        return "duration";
    }
    if bare.starts_with("Vec<u") {
        return "list of numbers";
    }
    if bare.starts_with("Vec<") {
        return "list of texts";
    }
    if bare.starts_with("BTreeMap<") || bare.ends_with("Config>") {
        return "table";
    }
    if !choices(field, definitions).is_empty() {
        return "one word";
    }
    match bare.trim_end_matches('>') {
        "bool" => "`true` or `false`",
        "PathBuf" => "path",
        "SecretRef" => "secret reference",
        "u8" | "u32" | "u64" | "i32" | "usize" | "f64" => "number",
        _ => "text",
    }
}

/// A value on one line.
fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(table) if table.is_empty() => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// deploy/riposte.toml
pub fn example(definitions: &Definitions) -> String {
    let values = values();
    let mut out = String::from(
        "# Every key of riposte's config with its default, made from the source by tests/docs.\n# To look things up: `riposte init` writes the config for a machine, and that needs few of these.\n",
    );
    let top = definitions.structure("Config");
    for field in top.fields.iter().filter(|field| is_plain_at_top(field)) {
        example_key(field, top, values.get(&field.name), &mut out);
    }
    for section in SECTIONS {
        let structure = definitions.structure(section.of);
        let (open, close) = if section.several { ("[[", "]]") } else { ("[", "]") };
        out.push_str("\n# ---\n");
        // Of a source of another type than the one above.
        let whole = out.len();
        let is_other = section.table.starts_with("sources.");
        comment(&structure.doc, &mut out);
        writeln!(out, "{open}{}{close}", section.table).unwrap();
        let defaults = value_at(&values, section);
        for field in structure.fields.iter().filter(|field| !has_a_section(field, structure)) {
            example_key(field, structure, defaults.get(&field.name), &mut out);
        }
        if is_other {
            let text = out.split_off(whole);
            for line in text.lines() {
                let mark = if line.is_empty() || line.starts_with('#') { "" } else { "# " };
                writeln!(out, "{mark}{line}").unwrap();
            }
        }
    }
    out
}

fn example_key(field: &Field, structure: &Struct, value: Option<&toml::Value>, out: &mut String) {
    out.push('\n');
    comment(&field.doc, out);
    if is_required(field, structure) {
        out.push_str("# Required.\n");
    }
    if let Some(value) = value {
        writeln!(out, "{} = {}", field.name, inline(value)).unwrap();
        return;
    }
    let sample = EXAMPLES.iter().find(|(name, _)| *name == field.name);
    let sample = sample.unwrap_or_else(|| panic!("`{}` needs a sample value", field.name)).1;
    writeln!(out, "# {} = {sample}", field.name).unwrap();
}

/// A text as comment lines of at most 100 columns.
fn comment(text: &str, out: &mut String) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            writeln!(out, "{line}").unwrap();
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(out, "{line}").unwrap();
}
