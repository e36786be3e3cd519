//! Rules: what the user wrote in Rhai, made ready to run. The only place that knows Rhai.
//!
//! In: the texts of rule files and Rhai plugins, parameters and modes; then events and hits. Out:
//! which rules care for an event, its key and sample, what a body asks for; findings of `check`,
//! results of tests, the reference. A script reaches nothing but what it is handed: it can only ask.
//! Reading files, counting (`windows`), judging (`decisions`) and acting are elsewhere.

// Ground.
mod book;
mod context;
mod fault;
mod finding;
mod host;
mod names;
mod patterns;
mod settings;
mod state;
mod values;

// What scripts see.
mod event;
mod hit;
mod helpers;
mod lookups;
mod missing;
mod body_api;
mod body_cloudflare;
mod body_cache;
mod body_dns;
mod body_options;
mod body_workers;
mod body_effects;
mod body_marks;
mod engine;

// From text to a rule set.
mod draft;
mod builder;
mod builder_windows;
mod builder_misuse;
mod timers;
mod keys;
mod rule;
mod syntax;
mod syntax_words;
mod recover;
mod slips;
mod check;
mod make;
mod literals;
mod lower;
mod assemble;
mod analysis;
mod load;

// The rule set at work.
mod evaluate;
mod set;
mod stamps;
mod trial;
mod tested;

// For people.
mod branches;
mod costs;
mod parts;
mod pages;
mod samples;
mod reference;
mod render;
mod reference_tables;
mod definitions;

pub use book::{Entry, Place, namespaces};
pub use branches::{Branch, FileBranches, Marks};
pub use costs::{Cost, CostClass};
pub use definitions::definitions;
pub use draft::Param;
pub use evaluate::BodyRun;
pub use fault::{Fault, FaultKind};
pub use finding::{Finding, Related, Severity, sort, to_json};
pub use host::{FeedAsked, Host, Lookups, NoLookups, StateValue};
pub use load::Loaded;
pub use pages::{Call, Page};
pub use parts::{Judged, Looked, Part, PartKind, Parts, Predicate, Role, Truth};
pub use reference::{book, event_properties, hit_properties, reference, time_properties};
pub use render::render;
pub use rule::Rule;
pub use samples::{Sample, sample};
pub use set::{RuleSet, Test};
pub use settings::{Known, ModuleFile, RuleFile, Settings};
pub use state::{ScriptState, StateImage};
pub use tested::is_test;
pub use timers::{Cron, Schedule, Timer};
pub use trial::{
    Asked, Decided, Difference, Failure, Faulted, TestBench, TestResult, Word, render_failures,
    render_result, render_results,
};

#[cfg(test)]
mod tests;
