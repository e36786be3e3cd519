//! Running a program of the config for a rule: an argv with whole-argument placeholders, and no
//! value that could become an option.
//!
//! In: the argv of the config, the values of the action. Out: an exact argv, or why there is none.
//! Running within limits is left to `process`.

use super::config::ProgramConfig;
use super::effect_worker::{Attempt, Call, Effector};
use super::message::neutralise;
use crate::decisions::Effect;
use crate::limits::PROGRAM_VALUE_BYTES_MAX;
use crate::process::{self, ProcessError, Program};
use std::collections::BTreeMap;

/// An argv of the config, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argv(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The value of this name; `guarded` when a `--` stands before it.
    Value {
        name: String,
        guarded: bool,
    },
}

/// The placeholders beside `{1}` to `{9}`.
const NAMES: [&str; 5] = ["rule", "key", "time", "id", "message"];

impl Argv {
    /// Understands an argv as written; what can't be meant is refused.
    pub fn parse(argv: &[String]) -> Result<Self, String> {
        let Some((program, arguments)) = argv.split_first() else {
            return Err("`argv` is empty".to_owned());
        };
        if !program.starts_with('/') {
            return Err(format!(
                "program `{program}` must be an absolute path\nhint: find it with `command -v {program}`"
            ));
        }
        let mut parts = vec![Part::Literal(program.clone())];
        let mut guarded = false;
        for argument in arguments {
            if argument == "--" {
                guarded = true;
            }
            let inner = argument.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match inner {
                Some(name) if is_placeholder(name) => {
                    parts.push(Part::Value { name: name.to_owned(), guarded });
                }
                _ if holds_placeholder(argument) => {
                    return Err(format!(
                        "argument `{argument}` has a placeholder inside\nhint: a placeholder is a whole argument: [\"--address\", \"{{1}}\"]"
                    ));
                }
                _ => parts.push(Part::Literal(argument.clone())),
            }
        }
        Ok(Self(parts))
    }

    /// The argv with the values in their places.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        let given = values.keys().filter_map(|name| name.parse::<usize>().ok());
        if let Some(unused) = given.filter(|number| !self.uses(&number.to_string())).max() {
            return Err(format!(
                "value {unused} has no placeholder `{{{unused}}}` in the program's argv"
            ));
        }
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Ok(text.clone()),
                Part::Value { name, guarded } => {
                    let value = values
                        .get(name)
                        .ok_or_else(|| format!("placeholder `{{{name}}}` was given no value"))?;
                    check_value(name, value, *guarded)?;
                    Ok(value.clone())
                }
            })
            .collect()
    }

    fn uses(&self, wanted: &str) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value { name, .. } if name == wanted))
    }
}

fn is_placeholder(name: &str) -> bool {
    NAMES.contains(&name)
        || (name.len() == 1 && name.bytes().all(|byte| (b'1'..=b'9').contains(&byte)))
}

fn holds_placeholder(argument: &str) -> bool {
    argument
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .any(|(name, _)| is_placeholder(name))
}

fn check_value(name: &str, value: &str, guarded: bool) -> Result<(), String> {
    if value.len() > PROGRAM_VALUE_BYTES_MAX {
        return Err(format!("the value of `{{{name}}}` is too long"));
    }
    if value.contains('\0') {
        return Err(format!("the value of `{{{name}}}` holds a NUL byte"));
    }
    if value.starts_with('-') && !guarded {
        return Err(format!(
            "the value of `{{{name}}}` begins with `-` and could be taken as an option\nhint: put \"--\" before the placeholder when the program knows it"
        ));
    }
    Ok(())
}

/// One program of the config.
#[derive(Debug)]
pub(super) struct Exec {
    config: ProgramConfig,
}

impl Exec {
    pub(super) fn new(config: &ProgramConfig) -> Self {
        Self { config: config.clone() }
    }

    fn argv(&self, call: &Call<'_>) -> Result<Vec<String>, String> {
        let mut values = BTreeMap::from([
            ("rule".to_owned(), call.rule.to_string()),
            ("key".to_owned(), call.key.to_owned()),
            ("time".to_owned(), call.time.to_string()),
            ("id".to_owned(), call.id.to_string()),
        ]);
        match call.effect {
            Effect::Exec { args, .. } => {
                for (index, value) in args.iter().enumerate() {
                    values.insert((index + 1).to_string(), value.clone());
                }
            }
            Effect::Notify { message, .. } => {
                values.insert("message".to_owned(), neutralise(message));
            }
            Effect::Webhook { .. } | Effect::Log { .. } | Effect::Cloudflare(_) => {
                return Err("a program carries values and messages alone".to_owned());
            }
        }
        Argv::parse(&self.config.argv)?.fill(&values)
    }
}

impl Effector for Exec {
    fn perform(&mut self, call: &Call<'_>) -> Attempt {
        let argv = match self.argv(call) {
            Ok(argv) => argv,
            Err(reason) => return Attempt::Failed(reason),
        };
        let mut program = Program::new(argv);
        program.time_limit = self.config.timeout;
        program.directory.clone_from(&self.config.directory);
        program.environment = vec![("RIPOSTE_ACTION_ID".to_owned(), call.id.to_string())];
        match process::run(&program) {
            Ok(finished) if finished.success() => Attempt::Done,
            Ok(finished) => {
                Attempt::Retry { reason: finished.words(), after: None, may_have_arrived: false }
            }
            Err(
                error @ (ProcessError::TimedOut { .. }
                | ProcessError::TooMuchOutput { .. }
                | ProcessError::Wait { .. }),
            ) => Attempt::Retry { reason: error.to_string(), after: None, may_have_arrived: true },
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String> {
        let argv = self.argv(call)?;
        serde_json::to_string(&argv)
            .map(|argv| format!("exec {argv}"))
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Result<Argv, String> {
        Argv::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn hostile_values_stay_one_argument_and_no_option() {
        let plain = argv(&["/bin/x", "-a", "{1}"]).unwrap();
        let hostile = "; rm -rf / $(id) `id` \n\" ' * \u{202e}";
        assert_eq!(plain.fill(&values(&[("1", hostile)])).unwrap()[2], hostile);
        for option in ["-rf", "--config=/etc/shadow", "-"] {
            let error = plain.fill(&values(&[("1", option)])).unwrap_err();
            assert!(error.contains("could be taken as an option"), "{error}");
        }
        let guarded = argv(&["/bin/x", "{rule}", "--", "{1}"]).unwrap();
        let filled = guarded.fill(&values(&[("1", "-rf"), ("rule", "r")])).unwrap();
        assert_eq!(filled, ["/bin/x", "r", "--", "-rf"]);
        assert!(guarded.fill(&values(&[("1", "a"), ("rule", "-r")])).is_err());
        assert!(plain.fill(&values(&[("1", "a\0b")])).is_err());
        assert!(plain.fill(&values(&[("1", &"a".repeat(5_000))])).is_err());
        assert!(plain.fill(&values(&[])).unwrap_err().contains("`{1}` was given no value"));
        assert!(plain.fill(&values(&[("1", "a"), ("2", "b")])).unwrap_err().contains("value 2"));
        // A value that looks like a placeholder is a value.
        assert_eq!(plain.fill(&values(&[("1", "{key}")])).unwrap()[2], "{key}");
    }

    #[test]
    fn an_argv_that_can_not_be_meant_is_refused() {
        for (words, fault) in [
            (&[][..], "`argv` is empty"),
            (&["sh"][..], "must be an absolute path"),
            (&["/bin/x", "--ip={1}"][..], "has a placeholder inside"),
            (&["/bin/x", "{1}{2}"][..], "has a placeholder inside"),
        ] {
            let error = argv(words).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
        assert!(argv(&["/bin/x", "{\"json\": true}", "{0}", "{}"]).is_ok());
    }
}
