//! What the command line asks of a running daemon, answered on the engine's thread.

use super::Engine;
use crate::clock::{self, Timestamp};
use crate::decisions::{
    Decision, Entry, Mode, Remedy, Route, Steps, Subject, Target, Verdict, ids,
};
use crate::event::text::count as count_of;
use crate::pipeline::control::{Reply, Request};
use crate::pipeline::meta;
use crate::store::{AllowEntry, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// A sentence for a person, or why not.
type Answer = Result<Reply, String>;

impl Engine {
    pub(super) fn request(&mut self, request: Request) -> Reply {
        let changes = !matches!(request, Request::Status);
        let answer = match request {
            Request::Status => {
                self.measure_windows();
                Ok(Reply::Status(Box::new(self.status())))
            }
            Request::Allow { target, comment, until } => self.allow(&target, &comment, until),
            Request::Disallow { target } => self.disallow(&target),
            Request::Decide { target, remedy, seconds, reason } => {
                self.decide(target, remedy, seconds, &reason)
            }
            Request::Lift { target, reason } => self.lift(&target, &reason),
            Request::SetMode { rule, mode } => self.set_mode(&rule, mode),
            Request::ResetMode { rule } => self.reset_mode(&rule),
            Request::EndChange { number } => {
                self.end_change(number).map(|words| done(&words, Vec::new()))
            }
            Request::Panic => Ok(self.set_panic(true)),
            Request::Resume => Ok(self.set_panic(false)),
            Request::Arm => self.arm(),
            Request::Forget { target } => self.forget(&target),
            // The assembly answers these; they never come here.
            Request::Reload => Ok(done("reloading", Vec::new())),
            Request::RefreshFeed { .. } => Err("feeds are not kept here".to_owned()),
        };
        if changes {
            // What a person changed is no input that could be evaluated again: save it now.
            self.checkpoint();
        }
        let answer = answer.map(|reply| self.with_wait(reply));
        answer.unwrap_or_else(|message| Reply::Refused { message })
    }

    /// Says so where the store takes nothing now: then nothing leaves either.
    fn with_wait(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Done { message, decisions } if !self.held.is_empty() => {
                let message = format!(
                    "{message}; it is carried out when the store can be written again (see `riposte status`)"
                );
                Reply::Done { message, decisions }
            }
            reply => reply,
        }
    }

    fn allow(&mut self, target: &str, comment: &str, until: Option<Timestamp>) -> Answer {
        let subject = subject(target)?;
        let now = clock::now();
        let row =
            AllowEntry { entry: subject.to_string(), note: comment.to_owned(), added: now, until };
        let entry = Entry {
            subject,
            comment: comment.to_owned(),
            added: now,
            by: "command line".to_owned(),
            until,
        };
        let allowed = self.desk.try_book(|desk| desk.allow(entry));
        let steps = allowed.map_err(|full| full.to_string())?;
        let ended = self.book(steps, now);
        let mut commit = self.begin(now);
        let changes = self.end_refused_changes(&mut commit, now);
        self.finish(commit);
        self.renew_names();
        // Last, so that a full disk keeps nobody from being let in.
        let kept = self.store.allow(&row).map(|_| ());
        if !self.held.is_empty()
            && let Some(executors) = &self.executors
        {
            // The transaction waits for the disk; ending a block does not: enforcers look again.
            executors.reconcile_now();
        }
        let ends: Vec<String> = [(ended.len(), "decision"), (changes, "change at Cloudflare")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, of)| count_of(count, of))
            .collect();
        let mut what = format!("`{}` is on the allowlist", row.entry);
        if !ends.is_empty() {
            what.push_str("; ");
            what.push_str(&ends.join(" and "));
            what.push_str(" ended");
        }
        Ok(done(&format!("{what}{}", unsaved(kept)), ended))
    }

    fn disallow(&mut self, target: &str) -> Answer {
        let subject = subject(target)?;
        let text = subject.to_string();
        self.store.disallow(&text).map_err(|error| error.to_string())?;
        let taken = self.desk().disallow(&subject);
        self.renew_names();
        if taken.is_none() {
            return Err(format!("`{text}` is not on the allowlist"));
        }
        let in_config = self.config.guard.allow.contains(&text);
        if in_config {
            return Ok(done(
                &format!(
                    "`{text}` is off the allowlist until the next start; it stands in `guard.allow` of the config too"
                ),
                Vec::new(),
            ));
        }
        Ok(done(&format!("`{text}` is off the allowlist"), Vec::new()))
    }

    fn decide(
        &mut self,
        target: Target,
        remedy: Remedy,
        seconds: Option<u64>,
        reason: &str,
    ) -> Answer {
        let now = clock::now();
        let decision = Decision {
            id: ids::outside_decision_id("manual", &target, remedy, now),
            hit: None,
            rule: Arc::from("manual"),
            target,
            remedy,
            from: now,
            until: seconds.map(|seconds| now.plus(Duration::from_secs(seconds))),
            reason: reason.to_owned(),
            via: None,
            route: Route::Unknown,
        };
        let steps = self.desk.book(|desk| desk.decide(decision.clone(), now));
        let verdict = steps.judged.first().map(|judged| judged.verdict.clone());
        let target = decision.target.clone();
        self.book(steps, now);
        match verdict {
            Some(Verdict::Pass) => {
                let words = if self.config.actions.enforcer_names().is_empty() {
                    "is recorded only: the config names no enforcer that could carry it out"
                } else if self.dry_run {
                    "is recorded only: it is a dry run"
                } else {
                    "is decided and on its way to the enforcers"
                };
                Ok(done(&format!("{} of `{target}` {words}", remedy.name()), vec![decision]))
            }
            Some(verdict) => Err(format!("`{target}`: {}", verdict.words())),
            None => Err(format!("`{target}`: nothing was decided")),
        }
    }

    fn lift(&mut self, target: &Target, reason: &str) -> Answer {
        let steps = self.desk.book(|desk| desk.lift(target, reason));
        self.core.lifted(target);
        let ended = self.book(steps, clock::now());
        if ended.is_empty() {
            return Err(format!("nothing is in force for `{target}`"));
        }
        let count = ended.len();
        let words = format!("{} for `{target}` ended", count_of(count, "decision"));
        Ok(done(&words, ended))
    }

    fn set_mode(&mut self, rule: &str, mode: Mode) -> Answer {
        self.known_rule(rule)?;
        let now = clock::now();
        self.store
            .set_rule_mode(&Arc::from(rule), Some(mode), now)
            .map_err(|error| error.to_string())?;
        if mode == Mode::Enforce {
            // A person says that the rule is right: it need not hold its blocks any longer.
            self.desk().guard.arm_rule(rule);
        }
        Ok(done(&format!("rule `{rule}` is set to `{}`", mode_name(mode)), Vec::new()))
    }

    /// The rule file's or the config's mode holds again.
    fn reset_mode(&mut self, rule: &str) -> Answer {
        let given = match self.config.rules.modes.get(rule) {
            Some(mode) => format!("`{}` by the config", mode_name(*mode)),
            None => "as its file says".to_owned(),
        };
        let modes = self.store.read().rule_modes().map_err(|error| error.to_string())?;
        if !modes.iter().any(|row| *row.rule == *rule) {
            self.known_rule(rule)?;
            return Err(format!("the mode of `{rule}` was not set by hand: it is {given}"));
        }
        self.store.set_rule_mode(rule, None, clock::now()).map_err(|error| error.to_string())?;
        Ok(done(&format!("rule `{rule}` is {given} again"), Vec::new()))
    }

    fn known_rule(&self, rule: &str) -> Result<(), String> {
        let rules = self.core.rules();
        let mut names = rules.rules().iter().map(|rule| &*rule.name);
        if names.clone().any(|known| known == rule) {
            return Ok(());
        }
        let hint = match crate::event::text::nearest(rule, &mut names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`riposte rules list` shows them all".to_owned(),
        };
        Err(format!("there is no rule `{rule}`\nhint: {hint}"))
    }

    fn set_panic(&mut self, on: bool) -> Reply {
        let now = clock::now();
        let steps = self.desk.book(|desk| desk.set_panic(on, now));
        let ended = self.book(steps, now);
        let changes = if on { self.end_all_changes(now) } else { 0 };
        if let Some(executors) = &self.executors {
            executors.reconcile_now();
        }
        // Last, so that a full disk keeps nobody from it.
        let kept = meta::set_panic(&self.store, on);
        let what = if on {
            let changes = match changes {
                0 => String::new(),
                count => format!(", {} at Cloudflare put back", count_of(count, "change")),
            };
            format!(
                "panic: {} ended{changes}; rules keep to shadow until `riposte resume`",
                count_of(ended.len(), "decision")
            )
        } else {
            "panic is over: rules act again".to_owned()
        };
        done(&format!("{what}{}", unsaved(kept)), ended)
    }

    fn arm(&mut self) -> Answer {
        meta::set_armed(&self.store).map_err(|error| error.to_string())?;
        let report = self.desk().guard.arm();
        match report {
            Some(report) => Ok(done(&format!("armed: {}", report.words()), Vec::new())),
            None => Ok(done("the first days were over already", Vec::new())),
        }
    }

    fn forget(&mut self, target: &Target) -> Answer {
        let steps = self.desk.book(|desk| desk.lift(target, "forgotten"));
        let ended = self.book(steps, clock::now());
        self.core.forget(target);
        let forgotten = self.store.forget(target).map_err(|error| error.to_string())?;
        self.checkpoint();
        self.store.scrub().map_err(|error| error.to_string())?;
        let lifted = match ended.len() {
            0 => String::new(),
            count => format!("; {} that stood for it ended", count_of(count, "decision")),
        };
        let words = format!(
            "`{target}` is forgotten{lifted}; removed: {}, {}, {} and {}; taken out: {}",
            count_of(forgotten.hits, "hit"),
            count_of(forgotten.decisions, "decision"),
            count_of(forgotten.actions, "action"),
            count_of(forgotten.notes, "note"),
            count_of(forgotten.redacted, "mention")
        );
        Ok(done(&words, ended))
    }

    /// Books steps in a transaction of their own; gives the decisions that ended.
    fn book(&mut self, steps: Steps, now: Timestamp) -> Vec<Decision> {
        let ended: Vec<Decision> =
            steps.lifted.iter().map(|lifted| (*lifted.decision).clone()).collect();
        if steps != Steps::default() {
            let mut commit = self.begin(now);
            self.steps(steps, "command line", now, &mut commit);
            self.finish(commit);
        }
        ended
    }

    /// Tells the look-up of names which are on the allowlist.
    pub(super) fn renew_names(&self) {
        let names = self.desk().guard.allowlist().names().map(str::to_owned).collect();
        self.names.store(Arc::new(names));
    }
}

fn done(message: &str, decisions: Vec<Decision>) -> Reply {
    Reply::Done { message: message.to_owned(), decisions }
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).ok_or_else(|| {
        format!(
            "`{}` is no address, prefix or host name\nhint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`",
            crate::event::text::escape(text)
        )
    })
}

/// What is said when a change holds but could not be saved.
fn unsaved(kept: Result<(), StoreError>) -> String {
    match kept {
        Ok(()) => String::new(),
        Err(error) => format!(" (until riposte stops: it could not be saved: {error})"),
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}
