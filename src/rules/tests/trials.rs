//! Tests of rules, on a bench of a few lines.

use super::*;
use crate::decisions::{Ask, Decision, DecisionId, DurationAsk, RuleName};
use crate::rules::StateValue;
use crate::windows::Windows;

/// A bench that reads only what it needs of an access log line.
struct Bench {
    set: Arc<RuleSet>,
    windows: Windows,
    now: Timestamp,
    hits: Vec<Arc<Hit>>,
    decisions: Vec<Decided>,
    asks: Vec<Asked>,
    faults: Vec<Faulted>,
}

impl Bench {
    fn make(set: &Arc<RuleSet>) -> Box<dyn TestBench> {
        let mut windows = Windows::new(1 << 20);
        windows.set_rules(&set.windows());
        Box::new(Self {
            set: Arc::clone(set),
            windows,
            now: Timestamp::from_secs(1_760_104_536),
            hits: Vec::new(),
            decisions: Vec::new(),
            asks: Vec::new(),
            faults: Vec::new(),
        })
    }

    fn feed(&mut self, event: Event) {
        let event = Arc::new(event);
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        self.set.candidates_shared(&event, &mut found, &mut faults);
        self.faults.extend(faults.into_iter().map(|(rule, words)| Faulted {
            rule: Arc::clone(&self.set.rules()[rule as usize].name),
            words,
        }));
        for rule in found {
            let Some((key, sample)) = self.set.sample(rule, &event).unwrap() else {
                continue;
            };
            if let Some(firing) = self.windows.update(rule as usize, &key, &sample) {
                let name: RuleName = Arc::clone(&self.set.rules()[rule as usize].name);
                let mut hit = (*hit_of(&event)).clone();
                hit.rule = Arc::clone(&name);
                hit.key = Arc::from(key.to_string());
                hit.count = firing.count;
                let hit = Arc::new(hit);
                let run = self.set.run_body(rule, &hit, &TestHost::shared());
                self.faults.extend(
                    run.fault
                        .map(|fault| Faulted { rule: Arc::clone(&name), words: fault.to_string() }),
                );
                for ask in &run.asks {
                    if let Ask::Decide { target, remedy, duration, .. } = ask {
                        let long = match duration {
                            DurationAsk::Fixed(long) | DurationAsk::Escalate { base: long, .. } => {
                                Some(*long)
                            }
                            DurationAsk::Forever => None,
                        };
                        let decision = Decision {
                            id: DecisionId(0),
                            hit: None,
                            rule: Arc::clone(&name),
                            target: target.clone(),
                            remedy: *remedy,
                            from: event.time,
                            until: long.map(|long| event.time.plus(long)),
                            reason: String::new(),
                            via: None,
                            route: Route::Unknown,
                        };
                        self.decisions.push(Decided { decision, guard: "pass".to_owned() });
                    }
                }
                let asked = |ask| Asked { rule: Arc::clone(&name), ask };
                self.asks.extend(run.asks.into_iter().map(asked));
                self.hits.push(hit);
            }
        }
    }
}

impl TestBench for Bench {
    fn lines(&mut self, format: &str, text: &str) -> Result<(), String> {
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let stamp = line.split('[').nth(1).and_then(|rest| rest.split(']').next());
            let (Some(stamp), true) = (stamp, format == "nginx" && words.len() > 8) else {
                return Err(format!("`{line}` does not parse as `{format}`"));
            };
            let clock: Vec<u64> =
                stamp.split([':', ' ']).skip(1).take(3).map(|part| part.parse().unwrap()).collect();
            let mut event =
                (*http(words[0], words[5].trim_matches('"'), words[6], words[8].parse().unwrap()))
                    .clone();
            event.time = Timestamp::EPOCH
                .plus(Duration::from_secs(clock[0] * 3_600 + clock[1] * 60 + clock[2]));
            self.feed(event);
        }
        Ok(())
    }

    fn event(&mut self, kind: &str, fields: Vec<(String, Value)>) -> Result<(), String> {
        let mut event = Event::new(Kind::from_name(kind), self.now);
        for (name, value) in fields {
            match Field::from_name(&name) {
                Some(field) => event.set(field, value),
                None => event.set_extra(&Arc::from(name), value),
            }
        }
        self.feed(event);
        Ok(())
    }

    fn file(&mut self, _: &str, _: &str, _: &str) -> Result<(), String> {
        Err("no files here".to_owned())
    }

    fn parse(&mut self, _: &str, _: &str) -> Result<Option<Event>, String> {
        Ok(None)
    }

    fn at(&mut self, time: Timestamp) -> Result<(), String> {
        self.now = time;
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn feed(&mut self, _: &str, _: Vec<ipnet::IpNet>) -> Result<(), String> {
        Ok(())
    }

    fn geo(&mut self, _: ipnet::IpNet, _: Geo) -> Result<(), String> {
        Ok(())
    }

    fn allow(&mut self, _: ipnet::IpNet) -> Result<(), String> {
        Ok(())
    }

    fn past_hits(&mut self, _: &str, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn param(&mut self, _: &[Arc<str>], _: &str, _: serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    fn hits(&self) -> &[Arc<Hit>] {
        &self.hits
    }

    fn decisions(&self) -> &[Decided] {
        &self.decisions
    }

    fn in_force(&self) -> Vec<Decision> {
        self.decisions.iter().map(|decided| decided.decision.clone()).collect()
    }

    fn asks(&self) -> &[Asked] {
        &self.asks
    }

    fn faults(&self) -> &[Faulted] {
        &self.faults
    }

    fn events(&self) -> &[Arc<Event>] {
        &[]
    }

    fn state(&self, key: &str) -> Option<StateValue> {
        (key == "known").then_some(StateValue::Int(3))
    }

    fn trace(&self, _: &dyn Fn(&str) -> bool) -> Vec<String> {
        Vec::new()
    }
}

fn run(text: &str) -> Vec<TestResult> {
    let set = Arc::new(set(text));
    set.run_tests(&|| Bench::make(&set))
}

#[test]
fn the_sample_passes_its_own_test() {
    let results = run(SAMPLE);
    assert!(results[0].passed(), "{}", render_results(&results, false));
}

#[test]
fn expectations_that_hold_and_that_do_not() {
    let rules = SAMPLE.split("test(").next().unwrap();
    let results = run(&format!(
        r#"{rules}
const LINE = `203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "POST /wp-login.php HTTP/1.1" 200 512 "-" "curl/8"`;
test("holds", |t| {{
    t.lines("nginx", t.repeat(LINE, 9, "10s"));
    t.expect_no_hits();
    t.expect_no_block("203.0.113.9");
    t.expect_decisions(0);
    t.lines("nginx", t.repeat(LINE, 10, "1s"));
    t.expect_hit("wp-login-guessing", "203.0.113.9");
    t.expect_hits("wp-login-guessing", 1);
    t.expect_no_hit("origin-down");
    t.expect_block("203.0.113.9", "1h");
    t.expect_decision("block", "203.0.113.9");
    t.expect_notify("ops");
    for i in 0..3 {{ t.event("probe", #{{ probe: "origin-a", ok: false }}); t.advance("1m"); }}
    t.expect_hit("origin-down");
}});
test("does not", |t| {{
    t.expect_block("203.0.113.9");
    t.expect_hit("nothing");
    t.lines("nginx", t.repeat(LINE, 10, "10s"));
    t.expect_no_block("203.0.113.9");
    t.expect_block("203.0.113.9", "2h");
    t.expect_fault();
    t.lines("nginx", "garbage");
    t.expect_no_hits();
}});
"#
    ));
    assert!(results[0].passed(), "{}", render_results(&results, false));
    insta::assert_snapshot!(render_results(&results[1..], false), @r#"
    FAIL does not rules/a.rhai:36
         rules/a.rhai:37:7: wanted a block of `203.0.113.9`
             37 | t.expect_block("203.0.113.9");
           - block 203.0.113.9
           got: no decisions
         rules/a.rhai:38:7: there is no rule `nothing`
             38 | t.expect_hit("nothing");
         rules/a.rhai:40:7: wanted no block of `203.0.113.9`
             40 | t.expect_no_block("203.0.113.9");
           got: block 203.0.113.9 for 1h by wp-login-guessing until 1970-01-01T14:57:06Z guard: pass
         rules/a.rhai:41:7: wanted a block of `203.0.113.9` for `2h`
             41 | t.expect_block("203.0.113.9", "2h");
           - block 203.0.113.9 for 2h
           + block 203.0.113.9 for 1h by wp-login-guessing until 1970-01-01T14:57:06Z guard: pass
                               ^^^^^^
         rules/a.rhai:42:7: wanted a fault
             42 | t.expect_fault();
           got: no faults
         rules/a.rhai:43:7: `garbage` does not parse as `nginx`
             43 | t.lines("nginx", "garbage");
    "#);
}

#[test]
fn a_fault_fails_a_test_unless_it_is_expected() {
    let rule = "rule(\"r\").on(\"x\").by(\"ip\").then(|hit| { let n = hit.key - 1; });";
    let results = run(&format!(
        "{rule} test(\"a\", |t| {{ t.event(\"x\", #{{ ip: \"1\" }}); }}); test(\"b\", |t| {{ t.event(\"x\", #{{ ip: \"1\" }}); t.expect_fault(); }});"
    ));
    assert!(!results[0].passed());
    assert!(results[1].passed(), "{}", render_results(&results, false));
}
