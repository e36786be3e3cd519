//! The examples for CI: their YAML parses, and the commands in them are riposte's.

use super::root;
use std::fs;
use std::process::Command;

const FILES: [&str; 3] = ["github-actions.yml", "gitlab-ci.yml", "Jenkinsfile"];

fn example(name: &str) -> String {
    fs::read_to_string(root().join("deploy/ci").join(name)).unwrap()
}

#[test]
fn the_yaml_of_the_examples_parses_and_says_what_it_should() {
    let read = "import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    for (name, jobs) in [
        ("github-actions.yml", ["jobs.check.steps", "jobs.apply.steps"]),
        ("gitlab-ci.yml", ["cloudflare-apply.script", "cloudflare-purge.script"]),
    ] {
        let file = fs::File::open(root().join("deploy/ci").join(name)).unwrap();
        assert!(!example(name).contains('\t'), "{name}: a tab");
        let Ok(ran) = Command::new("python3").args(["-c", read]).stdin(file).output() else {
            eprintln!("SKIPPED {name}: there is no python3");
            return;
        };
        let said = String::from_utf8_lossy(&ran.stderr);
        if said.contains("No module named 'yaml'") {
            eprintln!("SKIPPED {name}: python3 has no `yaml`");
            return;
        }
        assert!(ran.status.success(), "{name}: {said}");
        let parsed: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        for path in jobs {
            let at = path.split('.').fold(&parsed, |at, key| &at[key]);
            assert!(at.as_array().is_some_and(|list| !list.is_empty()), "{name}: {path}");
        }
    }
}

#[test]
fn the_commands_of_the_examples_are_ripostes() {
    let run = |words: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(words)
            .env_remove("CLOUDFLARE_API_TOKEN")
            .output()
            .unwrap();
        String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()
    };
    for name in FILES {
        let text = example(name);
        let commands: Vec<&str> = text
            .lines()
            .filter_map(|line| line.find("riposte cf ").and_then(|at| line.get(at..)))
            .map(|command| command.split(['\'', '|', '&']).next().unwrap().trim())
            .collect();
        assert_eq!(commands.len(), 3, "{name}: {commands:?}");
        for command in commands {
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            // Nothing but the token is missing; `apply` may look for its file first.
            let said = run(&words);
            let right =
                said.contains("env:CLOUDFLARE_API_TOKEN") || said.contains("cloudflare.toml");
            assert!(right, "{name}: {command}: {said}");
        }
        assert!(text.contains("CLOUDFLARE_API_TOKEN"), "{name}");
    }
}
