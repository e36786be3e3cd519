//! What bodies ask of DNS at Cloudflare: where a name leads while its usual target is down, and
//! records that are set or removed. Part of the module `cf`.

use super::body_api::{Answer, ask, duration};
use super::body_cloudflare::{seconds as lasting, shown};
use super::body_options::{self, Options, task};
use super::book::{Api, Place};
use super::context::{Run, value_error};
use super::host::{Host, StateValue};
use super::values::to_text;
use crate::decisions::change::is_zone;
use crate::decisions::failover::{Choice, Failover, FailoverOptions, Target};
use crate::decisions::{Ask, ChangeKind, CloudflareAsk, CloudflareTask, CloudflareWhat, Effect};
use crate::event::Value;
use crate::limits;
use rhai::{Array, Dynamic, Map, Module, NativeCallContext};
use serde_json::{Value as Json, json};
use std::net::IpAddr;
use std::time::Duration;

/// Registers the functions.
pub(super) fn register(cf: &mut Module, api: &mut Api<'_>) {
    failover(cf, api);
    targets(cf, api);
    ttl(cf, api);
    records(cf, api);
}

/// A record's name, as asks have it.
fn name(context: &NativeCallContext, text: &str) -> Answer<String> {
    let plain = text.trim_end_matches('.').to_ascii_lowercase().replace('_', "-");
    if is_zone(plain.trim_start_matches("*.")) {
        return Ok(text.trim_end_matches('.').to_ascii_lowercase());
    }
    let shown = shown(text);
    let words =
        format!("`{shown}` is no name of a record: write it whole, as in `www.example.com`");
    Err(value_error(context, words))
}

/// The zone of a name where none is given: its last two parts.
fn zone_of(name: &str) -> String {
    let parts: Vec<&str> = name.rsplitn(3, '.').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(".")
}

/// The addresses, or the one name, that a target consists of.
fn target(context: &NativeCallContext, value: &Dynamic) -> Answer<Target> {
    let parts: Vec<Dynamic> = match value.read_lock::<Array>() {
        Some(array) => array.clone(),
        None => vec![value.clone()],
    };
    let mut target = Vec::new();
    for part in &parts {
        let text = to_text(part).unwrap_or_default();
        let is_address = text.parse::<IpAddr>().is_ok();
        if !is_address && (!is_zone(text.trim_end_matches('.')) || parts.len() > 1) {
            let shown = shown(&text);
            let words =
                format!("`{shown}` is no target: an address, several addresses, or one name");
            return Err(value_error(context, words));
        }
        target.push(text.trim_end_matches('.').to_ascii_lowercase());
    }
    if target.is_empty() || target.len() > limits::FAILOVER_TARGETS_MAX {
        return Err(value_error(context, "a target is an address, a few addresses, or one name"));
    }
    Ok(target)
}

/// One target, or several in the order in which they are wanted.
fn target_list(context: &NativeCallContext, value: &Dynamic) -> Answer<Vec<Target>> {
    let all = match value.read_lock::<Array>() {
        Some(array) => array.iter().map(|one| target(context, one)).collect::<Answer<Vec<_>>>()?,
        None => vec![target(context, value)?],
    };
    if all.is_empty() || all.len() > limits::FAILOVER_TARGETS_MAX {
        let most = limits::FAILOVER_TARGETS_MAX;
        return Err(value_error(context, format!("a failover has 1 to {most} targets")));
    }
    Ok(all)
}

/// Where a name's state is kept: no rule can name this key.
fn key(name: &str) -> String {
    format!("\u{1}failover {name}")
}

/// Does something with what is known of a name, and keeps it.
fn with_state<T>(
    context: &NativeCallContext,
    name: &str,
    work: impl FnOnce(&mut Failover, &dyn Host) -> T,
) -> Answer<T> {
    let run = Run::of(context);
    let body = run.as_ref().and_then(|run| run.body.as_ref());
    let Some(body) = body else {
        return Err(value_error(context, "failover belongs into a rule's body"));
    };
    let host = body.host.as_ref();
    let mut state = match host.state_get(&key(name)) {
        Some(StateValue::Text(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Failover::default(),
    };
    let done = work(&mut state, host);
    let left = state.kept_until().map_or(Duration::ZERO, |until| until.since(host.now()));
    let text = serde_json::to_string(&state).unwrap_or_default();
    host.state_set(&key(name), StateValue::Text(text), left.max(Duration::from_secs(1)));
    Ok(done)
}

fn failover(cf: &mut Module, api: &mut Api<'_>) {
    cf.set_native_fn("dns_failover", |context: NativeCallContext, name: &str, targets: Dynamic| {
        turn(&context, name, &targets, &Map::new())
    });
    cf.set_native_fn(
        "dns_failover",
        |context: NativeCallContext, name: &str, targets: Dynamic, options: Map| {
            turn(&context, name, &targets, &options)
        },
    );
    api.doc(Place::Cloudflare, "dns_failover", "cf::dns_failover(name, targets[, #{back_after, dwell, turns_per_hour, turns_per_day, ttl, zone, via}])", "Let a name lead to the first of these targets that isn't down, until nobody has asked for a quiet time; then what was there before comes back. It stays proxied where it was. A name that flaps is turned ever more rarely, and then it stays and a person is asked; each turn is an event `failover`.", r#"cf::dns_failover("www.example.com", ["192.0.2.7", "origin-b.example.net"], #{ back_after: "10m" })"#);
}

fn turn(
    context: &NativeCallContext,
    name: &str,
    targets: &Dynamic,
    options: &Map,
) -> Answer<String> {
    let options = Options::read(
        context,
        options,
        &["back_after", "dwell", "turns_per_hour", "turns_per_day", "ttl", "zone", "via"],
    )?;
    let name = self::name(context, name)?;
    let targets = target_list(context, targets)?;
    let how = FailoverOptions {
        back_after: options.duration("back_after", Duration::from_mins(10))?,
        dwell: options.duration("dwell", Duration::from_mins(2))?,
        turns_per_hour: options.count("turns_per_hour", 3)?,
        turns_per_day: options.count("turns_per_day", 2)?,
    };
    if how.back_after < Duration::from_secs(1) || how.back_after > Duration::from_hours(24) {
        return Err(value_error(context, "`back_after` is between `1s` and `24h`"));
    }
    let ttl = options.ttl()?;
    let choice = with_state(context, &name, |state, host| state.ask(&targets, &how, host.now()))?;
    let (target, lasts) = match choice {
        Choice::Lead { target, lasts, turn, held } => {
            if turn || held {
                emit(context, &name, &target.join(" "), held)?;
            }
            (target, lasts)
        }
        Choice::Stay => return Ok(String::new()),
        Choice::Nowhere => {
            emit(context, &name, "", true)?;
            return Ok(String::new());
        }
    };
    let mut value = json!({ "target": target.join(" ") });
    if let (Some(ttl), Some(fields)) = (ttl, value.as_object_mut()) {
        fields.insert("ttl".to_owned(), json!(ttl));
    }
    change(context, &options, &name, value, lasts.as_secs().min(limits::CHANGE_SECS_MAX))
}

/// Tells other rules: `name`, `target` (nothing where all are down), and whether a person has to
/// look.
fn emit(context: &NativeCallContext, name: &str, target: &str, held: bool) -> Answer<()> {
    let fields = vec![
        ("name".to_owned(), Value::text(name)),
        ("target".to_owned(), Value::text(target)),
        ("held".to_owned(), Value::Bool(held)),
    ];
    ask(context, Ask::Emit { kind: "failover".to_owned(), fields }).map(drop)
}

fn change(
    context: &NativeCallContext,
    options: &Options<'_, '_>,
    name: &str,
    value: Json,
    seconds: u64,
) -> Answer<String> {
    let zone = options.text("zone").unwrap_or_else(|| zone_of(name));
    let what =
        CloudflareWhat::Change { kind: ChangeKind::Records, name: name.to_owned(), value, seconds };
    let ask_of = CloudflareAsk { zone, via: options.text("via"), what };
    ask(context, Ask::Effect(Effect::Cloudflare(ask_of)))
}

fn targets(cf: &mut Module, api: &mut Api<'_>) {
    let down = |context: &NativeCallContext, name: &str, part: &str, believed: Duration| {
        let (name, parts) = (self::name(context, name)?, target(context, &part.into())?);
        with_state(context, &name, |state, host| {
            for part in &parts {
                state.down(part, believed, host.now());
            }
        })
    };
    cf.set_native_fn("target_down", move |context: NativeCallContext, name: &str, part: &str| {
        down(&context, name, part, Duration::from_mins(10))
    });
    cf.set_native_fn(
        "target_down",
        move |context: NativeCallContext, name: &str, part: &str, believed: &str| {
            down(&context, name, part, duration(&context, believed)?)
        },
    );
    api.doc(Place::Cloudflare, "target_down", "cf::target_down(name, target[, duration])", "Remember that a target of a name's failover is down, for ten minutes or as long as is said: `cf::dns_failover` doesn't choose it meanwhile.", r#"cf::target_down("www.example.com", "192.0.2.7", "5m")"#);
    cf.set_native_fn("target_up", |context: NativeCallContext, name: &str, part: &str| {
        let (name, parts) = (self::name(&context, name)?, target(&context, &part.into())?);
        with_state(&context, &name, |state, host| {
            for part in &parts {
                state.up(part, host.now());
            }
        })
    });
    api.doc(
        Place::Cloudflare,
        "target_up",
        "cf::target_up(name, target)",
        "Remember that a target of a name's failover is up again.",
        r#"cf::target_up("www.example.com", "192.0.2.7")"#,
    );
}

fn ttl(cf: &mut Module, api: &mut Api<'_>) {
    let lower = |context: &NativeCallContext, name: &str, seconds: i64, lasts: &str, map: &Map| {
        let options = Options::read(context, map, &["zone", "via"])?;
        let name = self::name(context, name)?;
        let ttl = body_options::ttl(context, seconds)?;
        change(context, &options, &name, json!({ "ttl": ttl }), lasting(context, lasts)?)
    };
    cf.set_native_fn(
        "dns_ttl",
        move |context: NativeCallContext, name: &str, seconds: i64, lasts: &str| {
            lower(&context, name, seconds, lasts, &Map::new())
        },
    );
    cf.set_native_fn(
        "dns_ttl",
        move |context: NativeCallContext, name: &str, seconds: i64, lasts: &str, options: Map| {
            lower(&context, name, seconds, lasts, &options)
        },
    );
    api.doc(Place::Cloudflare, "dns_ttl", "cf::dns_ttl(name, seconds, duration[, #{zone, via}])", "Give a name's A, AAAA and CNAME records another TTL for a while, as when its target falters: a failover that follows is seen sooner. What goes through Cloudflare has no TTL of its own.", r#"cf::dns_ttl("www.example.com", 60, "30m")"#);
}

/// `A` or `AAAA`, by an address that others can reach.
fn kind_of(context: &NativeCallContext, text: &str) -> Answer<&'static str> {
    let Ok(address) = text.parse::<IpAddr>() else {
        let shown = shown(text);
        return Err(value_error(context, format!("`{shown}` is no address")));
    };
    let net = crate::event::net::client_net(address);
    if crate::decisions::special::touches(net).is_some() {
        return Err(value_error(context, format!("`{address}` is no public address")));
    }
    Ok(if address.is_ipv4() { "A" } else { "AAAA" })
}

const SET_OPTIONS: &[&str] = &["create", "ttl", "proxied", "zone", "via"];

fn set(
    context: &NativeCallContext,
    (name, kind, leads_to): (&str, &str, &str),
    map: &Map,
) -> Answer<String> {
    let options = Options::read(context, map, SET_OPTIONS)?;
    let name = self::name(context, name)?;
    let kind = kind.to_ascii_uppercase();
    if !matches!(kind.as_str(), "A" | "AAAA" | "CNAME" | "TXT") {
        let words = "a rule sets records of the types `A`, `AAAA`, `CNAME` and `TXT`";
        return Err(value_error(context, words));
    }
    if leads_to.is_empty() || leads_to.len() > limits::MESSAGE_BYTES_MAX {
        return Err(value_error(context, "a record's content is empty or too long"));
    }
    let zone = options.text("zone").unwrap_or_else(|| zone_of(&name));
    let set = CloudflareTask::DnsSet {
        name,
        kind,
        content: leads_to.to_owned(),
        create: options.truth("create")?,
        ttl: options.ttl()?,
        proxied: options.truth("proxied")?,
    };
    task(context, zone, options.text("via"), set)
}

fn records(cf: &mut Module, api: &mut Api<'_>) {
    cf.set_native_fn(
        "dns_set",
        |context: NativeCallContext, name: &str, kind: &str, content: &str| {
            set(&context, (name, kind, content), &Map::new())
        },
    );
    cf.set_native_fn(
        "dns_set",
        |context: NativeCallContext, name: &str, kind: &str, content: &str, options: Map| {
            set(&context, (name, kind, content), &options)
        },
    );
    api.doc(Place::Cloudflare, "dns_set", "cf::dns_set(name, type, content[, #{create, ttl, proxied, zone, via}])", "Set the content of a name's one record of a type, for good; all else of it stays as it is. `create` makes the record where there is none.", r#"cf::dns_set("status.example.com", "CNAME", "status.example.net")"#);
    cf.set_native_fn("ddns", |context: NativeCallContext, name: &str, address: Dynamic| {
        follow(&context, name, &address, &Map::new())
    });
    cf.set_native_fn(
        "ddns",
        |context: NativeCallContext, name: &str, address: Dynamic, options: Map| {
            follow(&context, name, &address, &options)
        },
    );
    api.doc(Place::Cloudflare, "ddns", "cf::ddns(name, address[, #{create, ttl, proxied, zone, via}])", "Let a name's A or AAAA record lead to an address, as a source of the type `address` finds it. A private or special address is a fault, and nothing changes.", r#"cf::ddns("home.example.com", hit.event["address"])"#);
    cf.set_native_fn("dns_delete", |context: NativeCallContext, name: &str, kind: &str| {
        delete(&context, name, kind, &Map::new())
    });
    cf.set_native_fn(
        "dns_delete",
        |context: NativeCallContext, name: &str, kind: &str, options: Map| {
            delete(&context, name, kind, &options)
        },
    );
    api.doc(
        Place::Cloudflare,
        "dns_delete",
        "cf::dns_delete(name, type[, #{content, zone, via}])",
        "Remove a name's records of a type that rules of this riposte made; those of others stay.",
        r#"cf::dns_delete("old.example.com", "A")"#,
    );
}

fn follow(
    context: &NativeCallContext,
    name: &str,
    address: &Dynamic,
    options: &Map,
) -> Answer<String> {
    let text = to_text(address).unwrap_or_default();
    let kind = kind_of(context, &text)?;
    set(context, (name, kind, &text), options)
}

fn delete(context: &NativeCallContext, name: &str, kind: &str, map: &Map) -> Answer<String> {
    let options = Options::read(context, map, &["content", "zone", "via"])?;
    let name = self::name(context, name)?;
    let zone = options.text("zone").unwrap_or_else(|| zone_of(&name));
    let kind = kind.to_ascii_uppercase();
    let gone = CloudflareTask::DnsDelete { name, kind, content: options.text("content") };
    task(context, zone, options.text("via"), gone)
}
