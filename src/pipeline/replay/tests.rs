//! Order, threads, several cores, faults: what a replay must hold.

use super::*;
use crate::config::Config;
use crate::limits;
use crate::pipeline::core::{CoreConfig, Modes};
use crate::pipeline::live::{real_client, route_of};
use crate::rules::{RuleFile, RuleSet, Settings};
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

/// Counts over time and hosts, a timer and silence: whatever a wrong order would show in.
const RULES: &str = r#"
rule("count").on("http").when(|e| e.status == 404).by("ip").count(3, "10s")
    .then(|hit| block(hit.ip, "1h"));
rule("silence").on("http").when(|e| e.path == "/alive").by("ip").absent("5m")
    .then(|hit| log(`${hit.key} is silent`));
rule("pair").on("http").by("ip").sequence([|e| e.path == "/a", |e| e.path == "/b"], "1m")
    .then(|hit| block(hit.ip, "5m"));
every("10m", || emit("tick", #{}));
rule("tick").on("tick").then(|hit| log("tick"));
"#;

fn rules(text: &str) -> Arc<RuleSet> {
    let file = RuleFile { path: "rules/a.rhai".to_owned(), text: text.to_owned() };
    let loaded = RuleSet::load(&[file], &[], &Settings::default());
    assert!(loaded.findings.iter().all(|one| one.severity != crate::rules::Severity::Error));
    Arc::new(loaded.set)
}

fn core(text: &str) -> Core {
    let config = Config::default();
    Core::new(
        rules(text),
        CoreConfig {
            window_bytes_max: 64 * 1024 * 1024,
            seed: 7,
            guard: config.guard.clone(),
            route_of: route_of(&config),
            modes: Modes::AllEnforce,
        },
    )
}

/// A hit without the place it was read from, which differs between ways to store a log.
fn told(firing: &Firing) -> String {
    let hit = &firing.hit;
    let decisions: Vec<String> =
        firing.decisions.iter().map(|one| format!("{} {:?}", one.target, one.until)).collect();
    format!("{} {} {} {} {decisions:?}", hit.time, hit.rule, hit.key, hit.count)
}

struct Ran {
    told: Vec<Vec<String>>,
    report: Report,
}

fn ran(inputs: Vec<Input>, rules: &[&str], threads: usize, span: Span) -> Ran {
    let mut cores: Vec<Core> = rules.iter().map(|text| core(text)).collect();
    let mut cores: Vec<&mut Core> = cores.iter_mut().collect();
    let mut all = vec![Vec::new(); rules.len()];
    let real_client = real_client(&Config::default());
    let plan = Plan { span, threads: Some(threads), ..Plan::new(inputs, &real_client) };
    let take = |number: usize, firing: Firing| {
        all[number].push(told(&firing));
        true
    };
    let report = run(plan, &mut cores, take, |_| {}).unwrap();
    Ran { told: all, report }
}

fn of_text(name: &str, text: &str) -> Input {
    let replay = Replay::from_reader(name, Box::new(Cursor::new(text.to_owned()))).unwrap();
    Input { replay, parser: Parser::for_format("nginx").unwrap() }
}

fn of_file(path: &Path) -> Input {
    let replay = Replay::open(path.to_str().unwrap()).unwrap();
    Input { replay, parser: Parser::for_format("nginx").unwrap() }
}

const START: i64 = 1_790_000_000;

fn line(second: i64, host: u8, path: &str, status: u16) -> String {
    let time = Timestamp::from_secs(START + second).to_jiff().strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!("203.0.113.{host} - - [{time}] \"GET {path} HTTP/1.1\" {status} 12 \"-\" \"curl/8\"\n")
}

/// A log of some hours: bursts, silences, garbage, stamps that go back a little.
fn log(seed: u64, lines: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut second = random.i64(0..5);
    let mut out = Vec::new();
    for _ in 0..lines {
        second += if random.u32(0..200) == 0 { random.i64(60..900) } else { random.i64(0..3) };
        let back = if random.u32(0..20) == 0 { 2 } else { 0 };
        let path = ["/", "/a", "/b", "/alive", "/index.html"][random.usize(0..5)];
        let status = if random.u32(0..4) == 0 { 404 } else { 200 };
        out.push(match random.u32(0..100) {
            0 => "no line of any format\n".to_owned(),
            1 => "\n".to_owned(),
            _ => line(second - back, random.u8(1..20), path, status),
        });
    }
    out
}

#[test]
fn rotated_files_in_any_order_and_on_any_number_of_threads_say_what_the_whole_log_says() {
    let lines = log(1, 6_000);
    let whole = ran(vec![of_text("whole", &lines.concat())], &[RULES], 1, Span::default());
    assert!(whole.told[0].len() > 50, "{}", whole.told[0].len());
    for rule in ["count", "silence", "pair", "tick"] {
        assert!(whole.told[0].iter().any(|one| one.contains(&format!(" {rule} "))), "{rule}");
    }
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = ["a.log.3", "a.log.2", "a.log.1", "a.log"]
        .iter()
        .zip(lines.chunks(1_700))
        .map(|(name, part)| {
            let path = dir.path().join(name);
            std::fs::write(&path, part.concat()).unwrap();
            path
        })
        .collect();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        for threads in [1, 4] {
            let inputs = order.iter().map(|number| of_file(&paths[*number])).collect();
            let parts = ran(inputs, &[RULES], threads, Span::default());
            assert_eq!(parts.told, whole.told, "{order:?}, {threads} threads");
            assert_eq!(parts.report.totals.lines, 6_000);
            assert_eq!(parts.report.totals.parsed, whole.report.totals.parsed);
            let named: Vec<_> = parts.report.files.iter().map(|file| &*file.path).collect();
            let given: Vec<_> = order.iter().map(|n| paths[*n].to_str().unwrap()).collect();
            assert_eq!(named, given, "reports come as the files were named");
        }
    }
}

#[test]
fn wherever_a_log_is_cut_the_parts_say_what_the_whole_says() {
    for seed in 10..22 {
        let mut random = fastrand::Rng::with_seed(seed);
        let lines = log(seed, 600);
        let whole = ran(vec![of_text("whole", &lines.concat())], &[RULES], 1, Span::default());
        let mut cuts: Vec<usize> = (0..random.usize(1..9)).map(|_| random.usize(0..600)).collect();
        cuts.extend([0, 600]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).filter_map(|cut| lines.get(cut[0]..cut[1]));
        // Rotated files are named by their age; a cut within a second is told by it.
        let mut inputs: Vec<Input> =
            (0..).zip(parts).map(|(n, part)| of_text(&format!("{n:02}"), &part.concat())).collect();
        random.shuffle(&mut inputs);
        let parts = ran(inputs, &[RULES], random.usize(1..5), Span::default());
        assert_eq!(parts.told, whole.told, "seed {seed}, cut at {cuts:?}");
    }
}

#[test]
fn one_file_of_many_blocks_says_the_same_on_any_number_of_threads() {
    let text = log(2, 40_000).concat();
    assert!(text.len() > 10 * limits::BATCH_BYTES_MAX);
    let alone = ran(vec![of_text("x", &text)], &[RULES], 1, Span::default());
    for threads in [2, 3, 16] {
        let many = ran(vec![of_text("x", &text)], &[RULES], threads, Span::default());
        assert_eq!(many.told, alone.told, "{threads} threads");
        assert_eq!(many.report.files[0].unparsed, alone.report.files[0].unparsed);
    }
    let shown = &alone.report.files[0].unparsed;
    assert_eq!(shown.len(), limits::UNPARSED_SHOWN_MAX);
    assert!(shown.iter().all(|one| one.text == "no line of any format" && !one.why.is_empty()));
    let first = text.lines().position(|line| line.starts_with("no line")).unwrap() as u64 + 1;
    assert_eq!(shown[0].line, first);
}

#[test]
fn the_logs_of_two_hosts_are_one_story() {
    // Three in ten seconds, over both logs; neither log has three alone.
    let of =
        |seconds: &[i64]| -> String { seconds.iter().map(|n| line(*n, 9, "/", 404)).collect() };
    let (a, b) = (of(&[0, 8, 300]), of(&[4, 200]));
    let only = r#"rule("count").on("http").when(|e| e.status == 404).by("ip").count(3, "10s")
        .then(|hit| block(hit.ip, "1h"));"#;
    let both = ran(vec![of_text("b", &b), of_text("a", &a)], &[only], 2, Span::default());
    assert_eq!(both.told[0].len(), 1, "{:?}", both.told);
    assert!(both.told[0][0].starts_with(&Timestamp::from_secs(START + 8).to_string()));
    for alone in [a, b] {
        assert!(ran(vec![of_text("x", &alone)], &[only], 2, Span::default()).told[0].is_empty());
    }
}

#[test]
fn a_file_that_begins_much_later_waits_for_its_time_and_many_files_are_no_trouble() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    let mut inputs = Vec::new();
    for day in (0..300).rev() {
        let path = dir.path().join(format!("{day}.log"));
        let second = day * 86_400;
        let text: String = (0..3).map(|n| line(second + n, 9, "/", 404)).collect();
        std::fs::write(&path, text).unwrap();
        inputs.push(of_file(&path));
        inputs.last_mut().unwrap().replay.park();
        expected.insert(0, Timestamp::from_secs(START + second + 2).to_string());
    }
    // One with no event at all, and an empty one.
    inputs.push(of_text("garbage", "nothing\n"));
    inputs.push(of_text("empty", ""));
    let only =
        r#"rule("count").on("http").by("ip").count(3, "10s").then(|hit| block(hit.ip, "1h"));"#;
    let ran = ran(inputs, &[only], 2, Span::default());
    let times: Vec<&str> = ran.told[0].iter().filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(times, expected);
    assert_eq!(ran.report.files.len(), 302);
    assert_eq!((ran.report.totals.lines, ran.report.totals.parsed), (901, 900));
}

#[test]
fn cores_that_look_on_together_say_what_each_says_alone() {
    let other = RULES.replace("404", "200").replace("\"10s\"", "\"20s\"");
    let a = log(3, 5_000).concat();
    let b = log(4, 5_000).concat();
    let inputs = || vec![of_text("a", &a), of_text("b", &b)];
    let together = ran(inputs(), &[RULES, &other], 2, Span::default());
    for (number, text) in [RULES, &other].into_iter().enumerate() {
        let alone = ran(inputs(), &[text], 2, Span::default());
        assert_eq!(together.told[number], alone.told[0], "core {number}");
    }
    assert_ne!(together.told[0], together.told[1]);
}

#[test]
fn a_span_cuts_by_event_time() {
    let text: String = (0..20_000).map(|second| line(second, 9, "/", 404)).collect();
    let at = |second: i64| Some(Timestamp::from_secs(START + second));
    let only =
        r#"rule("every").on("http").by("ip").count(1, "1s").then(|hit| block(hit.ip, "1s"));"#;
    let span = Span { since: at(100), until: at(110) };
    let ran = ran(vec![of_text("x", &text)], &[only], 2, span);
    assert_eq!(ran.told[0].len(), 10, "{:?}", ran.told);
    assert!(ran.told[0][0].starts_with(&at(100).unwrap().to_string()));
    let totals = ran.report.totals;
    assert_eq!(totals.parsed - totals.outside, 10);
    assert!(totals.lines < 20_000, "the rest is not read: {}", totals.lines);
    assert_eq!(ran.report.files[0].oldest, at(100));
    assert_eq!(ran.report.files[0].newest, at(109));
}

#[test]
fn who_has_enough_ends_it_at_once() {
    let text = log(5, 100_000).concat();
    let mut core = core(RULES);
    let real_client = real_client(&Config::default());
    let plan = Plan::new(vec![of_text("x", &text), of_text("y", &text)], &real_client);
    let started = std::time::Instant::now();
    let ended = run(plan, &mut [&mut core], |_, _| false, |_| {});
    assert!(matches!(ended, Err(ReplayEnd::Stopped)));
    assert!(started.elapsed() < Duration::from_secs(20));
}
