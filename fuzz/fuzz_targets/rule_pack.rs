//! The shipped rules on any log: the first byte chooses the format, the rest is lines. No panic,
//! and no rule fails, whatever the lines hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use riposte::config::{Config, pack::PACK};
use riposte::parsers::Parser;
use riposte::pipeline::core::{Core, CoreConfig, Modes};
use riposte::pipeline::live::{real_client, route_of};
use riposte::pipeline::replay::{Input, replay};
use riposte::rules::{RuleFile, RuleSet, Settings};
use riposte::sources::Replay;
use riposte::telemetry::{self, names};
use std::sync::{Arc, LazyLock};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let file = |(name, text): &(&str, &str)| RuleFile {
        path: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    let files: Vec<RuleFile> = PACK.iter().map(file).collect();
    Arc::new(RuleSet::load(&files, &[], &Settings::default()).set)
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, lines)) = data.split_first() else { return };
    let format = ["nginx", "nginx-error", "sshd", "caddy"][usize::from(*choice) % 4];
    let config = Config::default();
    let mut core = Core::new(
        Arc::clone(&RULES),
        CoreConfig {
            window_bytes_max: 16 * 1024 * 1024,
            seed: 7,
            guard: config.guard.clone(),
            route_of: route_of(&config),
            modes: Modes::AllEnforce,
        },
    );
    // Again and again, so that windows fill and bodies run on it.
    let text = lines.repeat(40);
    let reader = Replay::from_reader("fuzz", Box::new(std::io::Cursor::new(text)));
    let parser = Parser::for_format(format).expect("a format of ours");
    let input = Input { replay: reader.expect("memory can be read"), parser };
    let fault = |firing: riposte::pipeline::core::Firing| {
        assert!(firing.fault.is_none(), "{}: {:?}", firing.hit.rule, firing.fault);
        true
    };
    replay(vec![input], &mut core, &real_client(&config), fault, |_| {}).expect("memory can be read");
    assert_eq!(telemetry::counter(names::RULE_FAULTS).value(), 0, "no predicate fails");
});
