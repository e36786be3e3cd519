//! Plugins that bring records: programs as sources, and as parsers of lines that other sources read.
//!
//! In: the config and its enabled plugins. Out: what sources and the stateless stage are handed.
//! `plugin:NAME` as a format names a plugin of the kind `parser`, by its own name or by the format
//! that its manifest declares.

use super::answers::{Answers, Asked, KnownAnswers};
use super::plugins;
use crate::config::{Config, FORMAT_PLUGIN, SourceConfig, SourceType, read_plugins};
use crate::event::{Origin, Said, Schema, text};
use crate::parsers::{Answer, Foreign, Line, Parser, ParserError, Stopped, Unparsed};
use crate::pipeline::engine::Message;
use crate::plugins::source::Ended;
use crate::plugins::{Enabled, HealthCell, Keeper, ParserProgram, PluginKind, SourceProgram};
use crate::sources::program::{Failed, Program};
use crate::sources::{Sink, address, cloudflare, host, http, journald, probe, syslog};
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Makes the keeper of a plugin's program.
pub type MakeKeeper<'k> = &'k dyn Fn(&Enabled) -> Keeper;

/// Tells what is wrong with what a program says.
pub type Tell = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// The parsers' programs of a running daemon, each started when the first line needs it.
#[derive(Default)]
pub struct Programs {
    parsers: BTreeMap<String, Arc<ParserProgram>>,
    answers: Vec<Arc<Answers>>,
}

impl Programs {
    /// A source's parser that is a program: one that asks, and one that only knows what was
    /// answered. Of a plugin that can't be used what it answered is known all the same, so that a
    /// restart changes nothing.
    pub fn parser(
        &mut self,
        config: &Config,
        source: &SourceConfig,
        enabled: &[Enabled],
        (keeper, tell): (MakeKeeper<'_>, &Tell),
    ) -> Result<(Parser, Parser), String> {
        let made = parser_plugin(enabled, &source.format)
            .map_err(|error| error.to_string())
            .and_then(|plugin| self.program(plugin, keeper, tell));
        let asked: Arc<dyn Asked> = match made {
            Ok(program) => Arc::new(Asking(program)),
            Err(_) => Arc::new(Absent),
        };
        let answers = Answers::open(&config.state_dir, &source.name, asked)
            .map_err(|error| format!("failed to open the answers of its parser: {error}"))?;
        self.answers.push(Arc::clone(&answers));
        let known = Parser::foreign(Arc::new(KnownAnswers(Arc::clone(&answers))));
        Ok((Parser::foreign(answers), known))
    }

    fn program(
        &mut self,
        plugin: &Enabled,
        keeper: MakeKeeper<'_>,
        tell: &Tell,
    ) -> Result<Arc<ParserProgram>, String> {
        let name = plugin.plugin.name().to_owned();
        if let Some(program) = self.parsers.get(&name) {
            return Ok(Arc::clone(program));
        }
        Ok(Arc::clone(self.parsers.entry(name).or_insert(program(plugin, keeper, tell)?)))
    }

    /// How they are.
    pub fn health(&self) -> impl Iterator<Item = Arc<HealthCell>> {
        self.parsers.values().map(|program| program.health())
    }

    /// Everything before these places is done.
    pub fn release(&self, cursors: &[(Origin, u64)]) {
        self.answers.iter().for_each(|answers| answers.release(cursors));
    }

    /// Whoever waits for a program returns soon.
    pub fn begin_stop(&self) {
        self.parsers.values().for_each(|program| program.begin_stop());
    }

    /// Ends the programs.
    pub fn stop(&self) {
        self.parsers.values().for_each(|program| program.stop());
    }
}

/// Makes alarms of what programs say wrongly.
pub fn tell(alarms: &Sender<Message>) -> Tell {
    let alarms = alarms.clone();
    Arc::new(move |plugin, fault| {
        tracing::warn!(plugin, fault, "a plugin's answer");
        plugins::raise(&alarms, plugin, fault);
    })
}

/// The program of a source that is a plugin, and how it is.
pub fn source_program(
    source: &SourceConfig,
    enabled: &[Enabled],
    keeper: MakeKeeper<'_>,
) -> Result<(Box<dyn Program>, Arc<HealthCell>), String> {
    let plugin = source_plugin(source, enabled)?;
    let keeper = keeper(plugin);
    let health = Arc::clone(keeper.health());
    Ok((Box::new(SourceProgram::new(keeper, schema(plugin)?)), health))
}

/// The program of a source that is riposte's own; `None` for all others. `sink` is told what is wrong.
pub fn own(
    config: &Config,
    source: &SourceConfig,
    intake: &Arc<http::Intake>,
    sink: &Arc<dyn Sink>,
) -> Option<Box<dyn Program>> {
    match source.kind_of {
        SourceType::Probe => Some(probe::program(source.probe_config())),
        SourceType::Address => Some(address::program(&source.address_config())),
        SourceType::Syslog => {
            let config = source.syslog.clone()?;
            Some(syslog::program(&source.name, config, Arc::clone(sink)))
        }
        SourceType::Journald => {
            let config = source.journald.clone().unwrap_or_default();
            Some(journald::program(&source.name, config, Arc::clone(sink)))
        }
        SourceType::Host => {
            let config = source.host.clone().unwrap_or_default();
            Some(host::program(&source.name, config, source.every(host::EVERY)))
        }
        SourceType::Cloudflare => {
            let config = source.cloudflare.clone()?;
            let every = source.every(config.of.every());
            Some(cloudflare::program(&source.name, config, every, Arc::clone(sink)))
        }
        SourceType::Http => {
            let what = (&source.http_config(), &source.fields);
            let (name, state_dir) = (&source.name, &config.state_dir);
            Some(http::program(name, what, state_dir, intake, Arc::clone(sink)))
        }
        _ => None,
    }
}

/// What is wrong with the plugins that a source names, in words, with what it names them as; nothing
/// is started.
pub fn faults(source: &SourceConfig, enabled: &[Enabled]) -> Vec<(PluginKind, String)> {
    let mut faults = Vec::new();
    if source.plugin.is_some() {
        let fault = source_plugin(source, enabled).and_then(schema).err();
        faults.extend(fault.map(|fault| (PluginKind::Source, fault)));
    }
    if source.has_plugin_format() {
        let plugin = parser_plugin(enabled, &source.format).map_err(|error| error.to_string());
        let fault = plugin.and_then(schema).err();
        faults.extend(fault.map(|fault| (PluginKind::Parser, fault)));
    }
    faults
}

/// The kinds that the plugins of a config's sources may give, with their fields.
pub fn kinds(config: &Config, enabled: &[Enabled]) -> Vec<Schema> {
    let of_source = |source: &SourceConfig| {
        let source_part = source.plugin.as_ref().and_then(|_| source_plugin(source, enabled).ok());
        let format = source.has_plugin_format().then_some(&source.format);
        let parser_part = format.and_then(|format| parser_plugin(enabled, format).ok());
        let looks = match source.kind_of {
            SourceType::Probe => Some(probe::schema()),
            SourceType::Address => Some(address::schema()),
            SourceType::Cloudflare => Some(cloudflare::schema()),
            SourceType::Host => Some(host::schema()),
            _ => source.added_fields(),
        };
        let plugins = source_part.into_iter().chain(parser_part);
        plugins.filter_map(|plugin| schema(plugin).ok()).chain(looks)
    };
    // What is shipped listens to these kinds, with or without a source of them.
    config
        .sources
        .iter()
        .flat_map(of_source)
        .chain([cloudflare::schema(), host::schema()])
        .collect()
}

/// A parser that asks a plugin's program and keeps nothing: for commands that look at lines. It
/// gives up where the program can't be started.
pub fn parser_for_looking(config: &Config, format: &str) -> Result<Parser, ParserError> {
    let enabled = read_plugins(config).enabled;
    let plugin = parser_plugin(&enabled, format)?;
    let keeper = |enabled: &Enabled| {
        let manifest = &enabled.plugin.manifest;
        Keeper::new(
            enabled.launch(),
            Arc::new(HealthCell::new(&manifest.name, manifest.kind.name(), None)),
        )
    };
    let tell: Tell = Arc::new(|plugin, fault| tracing::warn!(plugin, fault, "a plugin's answer"));
    let program = program(plugin, &keeper, &tell).map_err(ParserError::new)?;
    program.be_impatient();
    Ok(Parser::foreign(Arc::new(Asking(program))))
}

fn program(
    plugin: &Enabled,
    keeper: MakeKeeper<'_>,
    tell: &Tell,
) -> Result<Arc<ParserProgram>, String> {
    let answer = Duration::from_millis(plugin.plugin.manifest.limits.answer_ms);
    let (name, tell) = (plugin.plugin.name().to_owned(), Arc::clone(tell));
    let tell = Box::new(move |fault: &str| tell(&name, fault));
    Ok(Arc::new(ParserProgram::new(keeper(plugin), schema(plugin)?, answer, tell)))
}

fn source_plugin<'e>(source: &SourceConfig, enabled: &'e [Enabled]) -> Result<&'e Enabled, String> {
    let name = source.plugin.as_deref().unwrap_or_default();
    let found = enabled.iter().find(|enabled| enabled.plugin.name() == name);
    let Some(found) = found else {
        return Err(missing(name, enabled, PluginKind::Source));
    };
    match found.plugin.manifest.kind {
        PluginKind::Source => Ok(found),
        other => Err(format!("the plugin `{name}` is no source\nhint: its kind is `{other}`")),
    }
}

fn parser_plugin<'e>(enabled: &'e [Enabled], format: &str) -> Result<&'e Enabled, ParserError> {
    let name = format.strip_prefix(FORMAT_PLUGIN).unwrap_or(format);
    let declares = |enabled: &&Enabled| {
        let part = enabled.plugin.manifest.parser.as_ref();
        enabled.plugin.name() == name || part.is_some_and(|part| part.format == name)
    };
    let of_kind = |enabled: &&Enabled| enabled.plugin.manifest.kind == PluginKind::Parser;
    let parsers = enabled.iter().filter(of_kind);
    parsers.clone().find(declares).ok_or_else(|| {
        let other = enabled.iter().find(|enabled| enabled.plugin.name() == name);
        ParserError::new(match other {
            Some(other) => format!(
                "the plugin `{name}` is no parser\nhint: its kind is `{}`",
                other.plugin.manifest.kind
            ),
            None => missing(name, enabled, PluginKind::Parser),
        })
    })
}

fn missing(name: &str, enabled: &[Enabled], kind: PluginKind) -> String {
    let fitting = enabled.iter().filter(|enabled| enabled.plugin.manifest.kind == kind);
    let hint = match text::nearest(name, fitting.map(|enabled| enabled.plugin.name())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("put it into `plugins_dir` and add a table `[plugins.{}]`", text::escape(name))
        }
    };
    format!("there is no plugin `{}` that is enabled and sound\nhint: {hint}", text::escape(name))
}

/// What a plugin declares that it brings.
fn schema(plugin: &Enabled) -> Result<Schema, String> {
    let manifest = &plugin.plugin.manifest;
    let source = manifest.source.iter().map(|part| &part.kinds);
    let parser = manifest.parser.iter().map(|part| &part.kinds);
    let mut schema = Schema::default();
    for (kind, fields) in source.chain(parser).flatten() {
        schema.declare_kind(kind)?;
        for (field, holds) in fields {
            schema.declare(kind, field, *holds)?;
        }
    }
    Ok(schema)
}

impl Program for SourceProgram {
    fn wait(&self) -> Option<Duration> {
        self.wait()
    }

    fn start(&mut self, cursor: Option<&str>, stopping: &AtomicBool) -> bool {
        self.start(cursor, stopping)
    }

    fn next(&mut self, within: Duration) -> Result<Option<Said>, Failed> {
        self.next(within).map_err(|Ended| Failed)
    }

    fn saved(&mut self, cursor: &str) -> Result<(), Failed> {
        self.saved(cursor).map_err(|Ended| Failed)
    }

    fn stop(&mut self) {
        self.stop();
    }
}

/// In the place of a parser's program that can't be used. Its sources are not started, so nobody
/// asks.
#[derive(Debug)]
struct Absent;

impl Asked for Absent {
    fn ask(&self, _lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
        Err(Stopped)
    }

    fn is_stopping(&self) -> bool {
        true
    }

    fn tell(&self, _text: &str) {}
}

/// A parser's program as the stage and the kept answers see it.
#[derive(Debug)]
struct Asking(Arc<ParserProgram>);

impl Asked for Asking {
    fn ask(&self, lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| &*line.bytes).collect();
        let read = self.0.ask(&lines).map_err(|_| Stopped)?;
        Ok(read.into_iter().map(|read| read.map_err(Unparsed)).collect())
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    fn tell(&self, text: &str) {
        self.0.tell(text);
    }
}

impl Foreign for Asking {
    fn read(&self, _origin: &Origin, lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
        self.ask(lines)
    }
}
