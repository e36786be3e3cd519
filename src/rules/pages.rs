//! The pages of the book: for each function its calls with types, its arguments, what it gives, its
//! errors, and an example that is a rule file of its own, with a test.
//!
//! In: one file a function below `pages/`, part of the program. Out: the same, taken apart. How to
//! add one stands in `book.rs`; that there is one for each function is held by tests.

use super::book::{Entry, Place};

/// A way to call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What stands before the point (`text` of `text.matches(…)`); empty for a rule's methods,
    /// `None` for plain functions.
    pub receiver: Option<&'static str>,
    /// The function's name.
    pub name: &'static str,
    /// Its arguments: name and type (`text`, `int`, `text | list` …).
    pub params: Vec<(&'static str, &'static str)>,
    /// What it gives, as a type.
    pub gives: &'static str,
    /// The whole call as written.
    pub text: &'static str,
}

/// What the book says of a function, beside its [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The ways to call it.
    pub calls: Vec<Call>,
    /// Its arguments: name, and what is expected, with the unit.
    pub arguments: Vec<(&'static str, &'static str)>,
    /// What it gives, where there is more to say than its type.
    pub gives: &'static str,
    /// What can go wrong; empty where nothing can.
    pub errors: &'static str,
    /// The version that has it first.
    pub since: &'static str,
    /// A rule file that shows it and tests what it shows.
    pub example: &'static str,
}

macro_rules! pages {
    ($($place:ident $folder:literal: $($name:literal)*;)*) => {
        const PAGES: &[(Place, &str, &str)] = &[$($((
            Place::$place,
            $name,
            include_str!(concat!("pages/", $folder, "/", $name, ".rhai")),
        ),)*)*];
    };
}

pages! {
    File "file": "rule" "every" "cron" "test" "param" "prefix" "tests_of";
    Rule "rule": "on" "when" "by" "cooldown" "mode" "certain" "then" "count" "distinct" "sum"
        "leaky" "consecutive" "sequence" "absent" "ratio";
    Pure "pure": "within" "is_v6" "is_private" "network" "address" "has" "matches" "capture"
        "contains_any" "starts_with_any" "ends_with_any" "url_decode" "query_value" "to_number"
        "shorten" "ua" "in_feed" "geo";
    Body "body": "block" "challenge" "captcha" "throttle" "allow" "escalate" "unblock" "notify"
        "webhook" "exec" "log" "emit" "tag" "score" "past_hits";
    State "state": "get" "set" "add";
    Cloudflare "cloudflare": "under_attack" "security_level" "setting"
        "bot_fight_mode" "rate_limit" "tighten" "waf_rule" "cache_ttl" "managed"
        "dns_failover" "target_down" "target_up" "dns_ttl" "dns_set" "ddns" "dns_delete" "purge" "warm"
        "worker_route" "pool" "kv_put" "kv_delete";
    Test "test": "lines" "repeat" "event" "advance" "expect_block" "expect_no_block"
        "expect_decision" "expect_decisions" "expect_hit" "expect_no_hit" "expect_no_hits"
        "expect_hits" "expect_notify" "expect_webhook" "expect_exec" "expect_emit" "expect_fault"
        "file" "at" "feed" "geo" "allow" "past_hits" "param" "expect_in_force"
        "expect_not_in_force" "expect_refused" "expect_no_notify" "expect_change" "expect_no_change" "expect_log" "expect_no_log"
        "expect_unblock" "expect_tag" "expect_score" "expect_nothing" "expect_event"
        "expect_unparsed" "expect_state" "expect_no_state" "expect_equal";
}

impl Entry {
    /// What the book says further; empty parts where its page is missing.
    pub fn page(&self) -> Page {
        let found =
            PAGES.iter().find(|(place, name, _)| *place == self.place && *name == self.name);
        parse(found.map_or("", |(_, _, text)| text))
    }
}

/// Takes a page apart: calls up to an empty comment line, then `word: text` lines, then the example.
fn parse(text: &'static str) -> Page {
    let head_end = text.find("\n\n").unwrap_or(text.len());
    let (head, example) = text.split_at(head_end);
    let mut page = Page {
        calls: Vec::new(),
        arguments: Vec::new(),
        gives: "",
        errors: "",
        since: "",
        example: example.trim(),
    };
    let mut in_calls = true;
    for line in head.lines().map(|line| line.trim_start_matches("//!").trim()) {
        if line.is_empty() {
            in_calls = false;
        } else if in_calls {
            page.calls.extend(parse_call(line));
        } else if let Some((word, said)) = line.split_once(": ") {
            match word {
                "gives" => page.gives = said,
                "errors" => page.errors = said,
                "since" => page.since = said,
                _ => page.arguments.push((word, said)),
            }
        }
    }
    page
}

fn parse_call(text: &'static str) -> Option<Call> {
    let (front, rest) = text.split_once('(')?;
    let (params, gives) = rest.rsplit_once(") -> ")?;
    let (receiver, name) = match front.rsplit_once('.') {
        Some((receiver, name)) => (Some(receiver), name),
        None => (None, front.rsplit("::").next()?),
    };
    let params = params.split(", ").filter_map(|param| param.split_once(": ")).collect();
    Some(Call { receiver, name, params, gives, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart() {
        let page = parse(
            "//! text.f(a: text | list, b: int) -> bool\n//! text.f(a: text) -> bool\n//!\n//! a: what: it is.\n//! errors: none.\n//! since: 0.1.0\n\nrule(\"r\");\n\ntest();\n",
        );
        assert_eq!(page.calls.len(), 2);
        let call = page.calls.first().unwrap();
        assert_eq!((call.receiver, call.name, call.gives), (Some("text"), "f", "bool"));
        assert_eq!(call.params, [("a", "text | list"), ("b", "int")]);
        assert_eq!(page.arguments, [("a", "what: it is.")]);
        assert_eq!((page.errors, page.since), ("none.", "0.1.0"));
        assert_eq!(page.example, "rule(\"r\");\n\ntest();");
    }
}
