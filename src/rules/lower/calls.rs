//! Calls and methods in native form.

use super::{Last, Lowered, Lowering, Native, TO_UPPER, URL_DECODE, capture};
use crate::event::net;
use crate::matching::{
    AddressFact, AddressTest, Comparison, Literal, Operator, TextPart, TextTest,
};
use crate::rules::literals::{constant, range_of, text_of, texts_of};
use crate::rules::lookups::{AgentPart, GeoPart};
use crate::rules::values::is_private;
use crate::rules::{helpers, patterns, syntax};
use rhai::{ASTFlags, Expr, FnCallExpr};
use std::net::IpAddr;
use std::sync::Arc;

impl Lowering<'_> {
    pub(super) fn is_shadowed(&self, name: &str) -> bool {
        syntax::has_function(self.ast, name)
    }

    pub(super) fn call(&mut self, call: &FnCallExpr) -> Lowered {
        let name = call.name.as_str();
        if !call.namespace.is_empty() {
            return Err(format!("it calls `{}::{name}`", call.namespace));
        }
        if self.is_shadowed(name) {
            return self.inlined(call);
        }
        let comparison = match name {
            "==" => Some(Comparison::Equal),
            "!=" => Some(Comparison::NotEqual),
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::LessOrEqual),
            ">" => Some(Comparison::Greater),
            ">=" => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        let operator = match name {
            "+" => Some(Operator::Add),
            "-" => Some(Operator::Subtract),
            "*" => Some(Operator::Multiply),
            "/" => Some(Operator::Divide),
            "%" => Some(Operator::Remainder),
            _ => None,
        };
        match (call.args.as_slice(), comparison, operator) {
            ([left, right], Some(comparison), _) => {
                Ok(Native::Compare(comparison, self.boxed(left)?, self.boxed(right)?))
            }
            ([left, right], _, Some(operator)) => {
                Ok(Native::Arithmetic(operator, self.boxed(left)?, self.boxed(right)?))
            }
            ([part], ..) if name == "!" => Ok(Native::Not(self.boxed(part)?)),
            ([list, item], ..) if name == "contains" => self.contains(list, item),
            ([subject, rest @ ..], ..) if !self.is_event(subject) => {
                let subject = self.expr(subject)?;
                self.method(subject, name, rest)
            }
            _ => Err(format!("it calls `{name}`")),
        }
    }

    /// `item in list`, which is how Rhai writes `contains(list, item)`.
    pub(super) fn contains(&mut self, list: &Expr, item: &Expr) -> Lowered {
        if let Some((first, last)) = self.range(list) {
            return Ok(Native::InRange(self.boxed(item)?, first, last));
        }
        let Some(value) = self.value(list) else {
            let subject = self.expr(list)?;
            return self.method(subject, "contains", std::slice::from_ref(item));
        };
        if let Some(items) = value.read_lock::<rhai::Array>() {
            let items = items.iter().map(constant).collect::<Result<_, _>>()?;
            return Ok(Native::OneOf(self.boxed(item)?, items));
        }
        Err("it looks for something that isn't fixed in a text".to_owned())
    }

    /// `geo(e.ip).country` or `ua(e.user_agent).kind`, with a chain after it; none where it is something
    /// else.
    pub(super) fn known_of(&mut self, head: &Expr, rest: &Expr) -> Option<Lowered> {
        let Expr::FnCall(call, _) = head else { return None };
        let [subject] = call.args.as_slice() else { return None };
        let is_geo = match call.name.as_str() {
            "geo" => true,
            "ua" => false,
            _ => return None,
        };
        if !call.namespace.is_empty() || self.is_shadowed(&call.name) {
            return None;
        }
        let (property, after) = match rest {
            Expr::Dot(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                (&pair.lhs, Some(&pair.rhs))
            }
            property => (property, None),
        };
        let Expr::Property(names, _) = property else { return None };
        let base = if is_geo {
            self.geo(subject, GeoPart::from_name(names.2.as_str())?)
        } else {
            self.agent(subject, AgentPart::from_name(names.2.as_str())?)
        };
        Some(match (base, after) {
            (Ok(base), Some(after)) => self.chain(base, after),
            (base, _) => base,
        })
    }

    fn geo(&mut self, address: &Expr, part: GeoPart) -> Lowered {
        let lookups = Arc::clone(self.lookups);
        let fact = AddressFact {
            name: format!("geo {}", part.name()).into(),
            find: Arc::new(move |address| {
                part.of(address.and_then(|address| lookups.geo(address)).as_deref())
            }),
        };
        self.boxed(address).map(|subject| Native::Fact(subject, fact))
    }

    fn agent(&mut self, text: &Expr, part: AgentPart) -> Lowered {
        let take = TextPart {
            name: format!("user agent's {}", part.name()).into(),
            take: Arc::new(move |text| part.of(text)),
        };
        let native = Native::Part(self.boxed(text)?, take);
        Ok(if part == AgentPart::Version { Native::Number(Box::new(native)) } else { native })
    }

    /// A range of whole numbers that is known now: its first and its last.
    fn range(&self, expr: &Expr) -> Option<(i64, i64)> {
        if let Expr::FnCall(call, _) = expr
            && let [first, last] = call.args.as_slice()
        {
            let (first, last) =
                (self.value(first)?.as_int().ok()?, self.value(last)?.as_int().ok()?);
            return match call.name.as_str() {
                ".." => Some((first, last.checked_sub(1)?)),
                "..=" => Some((first, last)),
                _ => None,
            };
        }
        range_of(&self.value(expr)?)
    }

    pub(super) fn method(&mut self, subject: Native, name: &str, args: &[Expr]) -> Lowered {
        if self.is_shadowed(name) {
            return Err(format!("it calls the function `{name}`"));
        }
        let subject = Box::new(subject);
        match (name, args) {
            ("to_lower", []) => Ok(Native::Lower(subject)),
            ("url_decode", []) => Ok(Native::Change(subject, URL_DECODE)),
            ("to_upper", []) => Ok(Native::Change(subject, TO_UPPER)),
            ("to_number", []) => Ok(Native::Number(subject)),
            ("query_value", [arg]) => {
                let wanted = self.text(arg, name)?;
                let part = TextPart {
                    name: format!("query value {wanted}").into(),
                    take: Arc::new(move |query| helpers::query_value(query, &wanted)),
                };
                Ok(Native::Part(subject, part))
            }
            ("len", []) => Ok(Native::Length(subject, true)),
            ("is_empty", []) => Ok(Native::Empty(subject)),
            ("is_private", []) => Ok(Native::Address(subject, Arc::new(is_private), false)),
            ("is_v6", []) => Ok(Native::Address(subject, Arc::new(|ip| ip.is_ipv6()), false)),
            ("starts_with", [arg]) => self.text_test(subject, TextTest::Starts, arg),
            ("ends_with", [arg]) => self.text_test(subject, TextTest::Ends, arg),
            ("contains", [arg]) => self.text_test(subject, TextTest::Contains, arg),
            ("starts_with_any", [arg]) => self.text_test_any(subject, TextTest::Starts, arg),
            ("ends_with_any", [arg]) => self.text_test_any(subject, TextTest::Ends, arg),
            ("contains_any", [arg]) => self.text_test_any(subject, TextTest::Contains, arg),
            ("matches", [arg]) => {
                let pattern = self.text(arg, name)?;
                let regex = patterns::compile(&pattern)?;
                Ok(Native::Matches(subject, regex))
            }
            ("within", [arg]) => self.within(subject, arg),
            ("in_feed", [arg]) => {
                let feed = self.text(arg, name)?;
                let lookups = Arc::clone(self.lookups);
                let test: AddressTest = Arc::new(move |ip: IpAddr| lookups.in_feed(ip, &feed));
                Ok(Native::Address(subject, test, true))
            }
            ("capture", [arg]) => {
                let pattern = self.text(arg, name)?;
                Ok(capture(*subject, patterns::compile(&pattern)?))
            }
            ("network", [v4, v6]) if matches!(self.last, Last::Allowed) => {
                let bits = |arg| {
                    let bits = self.value(arg).and_then(|bits| bits.as_int().ok());
                    bits.and_then(|bits| u8::try_from(bits.clamp(0, 128)).ok())
                };
                let bits = bits(v4).zip(bits(v6));
                let (v4, v6) = bits.ok_or("its bits aren't fixed numbers")?;
                self.last = Last::Network(v4, v6);
                Ok(*subject)
            }
            _ => Err(format!("it calls `{name}`")),
        }
    }

    /// A text that is known now.
    fn text(&self, expr: &Expr, of: &str) -> Result<String, String> {
        let value = self.value(expr);
        let text = value.as_ref().and_then(|value| value.as_immutable_string_ref().ok());
        let text = text.map(|text| text.to_string());
        text.ok_or_else(|| format!("what it gives to `{of}` isn't a fixed text"))
    }

    fn text_test(&self, subject: Box<Native>, test: TextTest, arg: &Expr) -> Lowered {
        let part = self.value(arg).and_then(|value| text_of(&value));
        let literal = Literal::new(&part.ok_or("what it tests for isn't a fixed text")?);
        Ok(Native::Text(subject, test, vec![literal]))
    }

    fn text_test_any(&self, subject: Box<Native>, test: TextTest, arg: &Expr) -> Lowered {
        let texts = self.texts(arg)?;
        let literals = texts.iter().map(|text| Literal::new(text)).collect();
        Ok(Native::Text(subject, test, literals))
    }

    fn texts(&self, expr: &Expr) -> Result<Vec<String>, String> {
        let list = self.value(expr).ok_or("what it compares with isn't a fixed list")?;
        texts_of(&list).ok_or_else(|| "what it compares with isn't a list of texts".to_owned())
    }

    fn within(&self, subject: Box<Native>, arg: &Expr) -> Lowered {
        let one = self.text(arg, "within").map(|text| vec![text]);
        let read_text = one.is_ok();
        let texts = one.or_else(|_| self.texts(arg))?;
        let nets = texts.iter().map(|text| {
            net::parse_net(text).ok_or_else(|| format!("`{text}` is no address or prefix"))
        });
        Ok(Native::Within(subject, nets.collect::<Result<_, _>>()?, read_text))
    }
}
