//! No event, however made, makes a sound rule fail.

use super::*;
use proptest::prelude::*;

/// Predicates as people write them; none can fault, whatever an event holds.
const SOUND: &[&str] = &[
    "e.status in [401, 403] && e.path.ends_with(\"/wp-login.php\")",
    "e.path.to_lower().url_decode().url_decode().contains(\"<script\")",
    "e.query.query_value(\"id\").matches(\"(?i)union.+select\")",
    "e.ip.within(\"10.0.0.0/8\") || e.ip == \"203.0.113.9\"",
    "e.user_agent.contains_any([\"curl\", \"nikto\"]) || e.user_agent == ()",
    "e.path.starts_with(\"/admin\") && !e.has(\"user\")",
    "e.bytes + e.request_bytes > 1000 && e.duration > 0.5",
    "(e.path + \"?\" + e.query).len() > 200",
    "`${e.method} ${e.path} ${e.user_agent} ${e.referer} ${e.host} ${e.user}`.contains(\"..\")",
    "\"../\" in e.path || \"%2e\" in e.query.to_lower()",
    "e.user.capture(\"^([a-z]+)$\") in [\"root\", \"admin\"]",
    "e.path.sub_string(0, 5) == \"/.git\" || e.path.split(\"/\").len() > 20",
    "e.time.hour < 6 && e.kind == \"http\" && e.record.len() >= 0",
    "e.query.query_value(\"page\").to_number() > 1000",
    "e[\"tenant\"] == \"x\" || e.anything.contains(\"y\")",
    "!in_feed(e.ip, \"bad\") && geo(e.ip).country != \"NL\"",
    "ua(e.user_agent).kind == \"bot\" && ua(e.user_agent).version != 4 || ua(e.referer).family == \"x\"",
    "e.path.shorten(10) == e.path && e.host.to_upper() != \"X\"",
    "e.outcome == \"failure\" && e.reason != \"limit_req\"",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Value::text(String::from_utf8_lossy(&bytes))),
        1 => "[ -~]{0,40}".prop_map(Value::text),
        1 => proptest::collection::vec(any::<u8>(), 4_000..9_000).prop_map(|bytes| Value::text(String::from_utf8_lossy(&bytes))),
        2 => any::<i64>().prop_map(Value::Int),
        1 => any::<f64>().prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<u128>().prop_map(|bits| Value::ip(IpAddr::V6(bits.into()))),
    ]
}

/// A field of the type that parsers give it, with any content.
fn typed(field: Field) -> BoxedStrategy<Value> {
    use crate::event::field::FieldType;
    match field.kind() {
        FieldType::Text => proptest::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| Value::text(String::from_utf8_lossy(&bytes)))
            .boxed(),
        // A status has three digits, a size fits into 62 bits: parsers see to that.
        FieldType::Int => (0..i64::MAX / 4).prop_map(Value::Int).boxed(),
        FieldType::Float => any::<f64>().prop_map(Value::Float).boxed(),
        FieldType::Address => {
            any::<u128>().prop_map(|bits| Value::ip(IpAddr::V6(bits.into()))).boxed()
        }
    }
}

fn event() -> impl Strategy<Value = Arc<Event>> {
    let fields: Vec<_> =
        Field::ALL.iter().map(|field| proptest::option::weighted(0.7, typed(*field))).collect();
    let extra = proptest::option::of(value());
    let record = proptest::collection::vec(any::<u8>(), 0..300);
    (fields, extra, record, any::<i64>()).prop_map(|(fields, extra, record, micros)| {
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.reset(record.clone().into());
        event.kind = Kind::Http;
        event.time = Timestamp::from_micros(micros);
        for (field, value) in Field::ALL.iter().zip(fields) {
            if let Some(value) = value {
                event.set(*field, value);
            }
        }
        // Bytes that are no text, straight from the record.
        let bytes = event.record().to_vec();
        event.set_bytes(Field::Path, &bytes);
        if let Some(value) = extra {
            event.set_extra(&Arc::from("tenant"), value);
        }
        Arc::new(event)
    })
}

fn sound_rules() -> RuleSet {
    let rules: Vec<String> = SOUND
        .iter()
        .enumerate()
        .map(|(place, predicate)| {
            format!(
                "rule(\"r{place}\").on(\"http\").when(|e| {predicate}).by(|e| [e.ip, e.path]).distinct(\"user_agent\", 3, \"1m\")\
                 .then(|hit| {{ block(hit.event.ip.network(24, 64), \"1h\"); notify(\"ops\", `${{hit.key}} ${{hit.event.path}} ${{hit.host}}`); log(hit.event.record); tag(hit.key, \"x\"); }});"
            )
        })
        .collect();
    set(&rules.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_event_makes_a_sound_rule_fail(events in proptest::collection::vec(event(), 1..4)) {
        static RULES: std::sync::LazyLock<RuleSet> = std::sync::LazyLock::new(sound_rules);
        for event in &events {
            let (found, faults) = candidates(&RULES, event);
            prop_assert_eq!(faults, vec![]);
            for rule in found {
                prop_assert!(RULES.sample(rule, event).is_ok());
                let run = RULES.run_body(rule, &hit_of(event), &TestHost::shared());
                // A body may meet a missing address; what it asks for is never lost to a limit.
                if let Some(fault) = run.fault {
                    prop_assert_eq!(fault.kind, FaultKind::Value);
                }
            }
        }
    }
}
