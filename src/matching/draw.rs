//! What is taken out of an event beside a verdict: the part of a key, the value that `distinct`
//! compares or `sum` adds.
//!
//! As with predicates, there is no answer where the script's isn't certain.

use super::expr::Expr;
use super::look::{Look, Scratch};
use super::program::{Id, Program};
use super::value::Val;
use crate::event::{Event, net};
use std::net::IpAddr;

/// What to take.
pub enum Draw {
    /// The value itself.
    Value(Expr),
    /// The network around an address, as text: bits of IPv4, of IPv6.
    Network(Expr, u8, u8),
}

/// What was taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawn {
    /// `()`.
    Nothing,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// An address.
    Ip(IpAddr),
}

enum Step {
    Value,
    Network(u8, u8),
}

/// A [`Draw`], made ready.
pub struct Drawer {
    program: Program,
    root: Id,
    step: Step,
}

impl Drawer {
    /// Makes it ready.
    pub fn new(draw: Draw) -> Self {
        let (expr, step) = match draw {
            Draw::Value(expr) => (expr, Step::Value),
            Draw::Network(expr, v4, v6) => (expr, Step::Network(v4, v6)),
        };
        let mut program = Program::default();
        let root = program.add(&expr);
        program.close();
        Self { program, root, step }
    }

    /// Takes it from an event; none when the script has to be asked.
    pub fn draw(&self, event: &Event) -> Option<Drawn> {
        let scratch = Scratch::new(&self.program, 0);
        let value = Look::new(event, &self.program, &scratch).value(self.root)?;
        match (&self.step, value) {
            (_, Val::Unit) => Some(Drawn::Nothing),
            (Step::Value, Val::Bool(flag)) => Some(Drawn::Bool(flag)),
            (Step::Value, Val::Int(number)) => Some(Drawn::Int(number)),
            (Step::Value, Val::Float(number)) => Some(Drawn::Float(number)),
            (Step::Value, Val::Ip(address)) => Some(Drawn::Ip(address)),
            (Step::Value, Val::Text(text)) => {
                Some(Drawn::Text(std::str::from_utf8(&text).ok()?.to_owned()))
            }
            (Step::Network(v4, v6), Val::Ip(address)) => {
                Some(Drawn::Text(net::display_net(&net::prefix(address, *v4, *v6))))
            }
            _ => None,
        }
    }
}
