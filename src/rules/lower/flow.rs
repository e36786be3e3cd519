//! Statements in native form: `let`, `if`, `return`, and calls of the file's own functions, which
//! are put in the place of the call.

use super::{Binding, Lowered, Lowering};
use crate::limits;
use crate::matching::{Const, Expr as Native};
use crate::rules::syntax;
use rhai::{ASTFlags, FnCallExpr, Stmt};
use std::collections::BTreeMap;

impl Lowering<'_> {
    /// What a block of statements gives; names that it makes end with it.
    pub(super) fn body(&mut self, body: &[Stmt]) -> Lowered {
        let (names, locals) = (self.names.clone(), self.locals);
        let lowered = self.statements(body);
        self.names = names;
        self.locals = locals;
        lowered
    }

    fn statements(&mut self, body: &[Stmt]) -> Lowered {
        match body {
            [] => Err("a part of it is empty".to_owned()),
            [Stmt::Noop(_), rest @ ..] if !rest.is_empty() => self.statements(rest),
            [Stmt::Var(parts, flags, _), rest @ ..] if !flags.intersects(ASTFlags::EXPORTED) => {
                let value = self.expr(&parts.1)?;
                self.name(parts.0.name.to_string());
                Ok(Native::Let(Box::new(value), Box::new(self.statements(rest)?)))
            }
            [Stmt::Expr(expr)] => self.expr(expr),
            [Stmt::FnCall(call, _)] => self.call(call),
            [Stmt::Block(block)] => self.body(block.statements()),
            [Stmt::Return(Some(expr), flags, _), ..] if !flags.intersects(ASTFlags::BREAK) => {
                self.expr(expr)
            }
            [Stmt::If(parts, _), rest @ ..] => {
                let condition = self.expr(&parts.expr)?;
                let then = parts.body.statements();
                let otherwise = parts.branch.statements();
                let (then, otherwise) = if rest.is_empty() {
                    (self.branch(then)?, self.branch(otherwise)?)
                } else if leaves(then) && empty(otherwise) {
                    (self.body(then)?, self.body(rest)?)
                } else {
                    return Err("an `if` in it neither gives its value nor returns".to_owned());
                };
                Ok(Native::If(Box::new(condition), Box::new(then), Box::new(otherwise)))
            }
            _ => Err("it is more than `let`, `if` and one expression".to_owned()),
        }
    }

    /// A branch of an `if` that gives a value: `()` where there is none.
    fn branch(&mut self, body: &[Stmt]) -> Lowered {
        if empty(body) { Ok(Native::Const(Const::Unit)) } else { self.body(body) }
    }

    /// A name for what the next `Let` makes.
    fn name(&mut self, name: String) {
        self.names.insert(name, Binding::Local(self.locals));
        self.locals += 1;
    }

    /// A call of a function of the file: its body, with the arguments by name.
    pub(super) fn inlined(&mut self, call: &FnCallExpr) -> Lowered {
        let name = call.name.as_str();
        if self.within.iter().any(|known| known == name) {
            return Err(format!("its function `{name}` calls itself"));
        }
        self.calls += 1;
        if self.within.len() >= limits::LOWERED_CALL_LEVELS_MAX
            || self.calls > limits::LOWERED_CALLS_MAX
        {
            return Err("it calls too many functions of the file".to_owned());
        }
        let parameters = syntax::parameters(self.ast, name, Some(call.args.len()))
            .ok_or_else(|| format!("it calls `{name}` with other arguments than it takes"))?;
        let mut inside = BTreeMap::new();
        let mut values = Vec::new();
        let locals = self.locals;
        for (parameter, argument) in parameters.into_iter().zip(&call.args) {
            let bound = if self.is_event(argument) {
                Binding::Event
            } else if let Some(value) = self.value(argument) {
                Binding::Value(value)
            } else {
                values.push(self.expr(argument)?);
                self.locals += 1;
                Binding::Local(self.locals - 1)
            };
            inside.insert(parameter, bound);
        }
        let body = syntax::body(self.ast, name, call.args.len());
        let outside = std::mem::replace(&mut self.names, inside);
        self.within.push(name.to_owned());
        let lowered = self.body(&body);
        self.within.pop();
        self.names = outside;
        self.locals = locals;
        let wrap = |rest, value| Native::Let(Box::new(value), Box::new(rest));
        lowered.map(|body| values.into_iter().rev().fold(body, wrap)).map_err(|why| {
            if why.starts_with("in `") { why } else { format!("in `{name}`, {why}") }
        })
    }
}

/// Whether a block ends with a `return`, so that what follows it is another branch.
fn leaves(body: &[Stmt]) -> bool {
    matches!(body.last(), Some(Stmt::Return(_, flags, _)) if !flags.intersects(ASTFlags::BREAK))
}

fn empty(body: &[Stmt]) -> bool {
    body.iter().all(|stmt| matches!(stmt, Stmt::Noop(_)))
}
