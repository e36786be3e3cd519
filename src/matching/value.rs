//! The values that predicates handle, and how they compare: exactly as Rhai 1.27 compares them.
//! Where Rhai would fail, or where its answer hangs on the last bits of a float, there is no
//! answer here (`None`), and the rule's own predicate is asked.

use crate::event::net::parse_ip;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

/// A value while a predicate is judged. Text is UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val<'a> {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    Text(Cow<'a, [u8]>),
    Ip(IpAddr),
}

/// A value that a predicate names.
#[derive(Debug, Clone, PartialEq)]
pub enum Const {
    /// `()`, what a missing field reads as.
    Unit,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A character; equal to the text that holds it alone.
    Char(char),
    /// Text.
    Text(Box<str>),
}

impl Val<'_> {
    /// A value of its own.
    pub(super) fn of(value: Const) -> Val<'static> {
        match value {
            Const::Unit => Val::Unit,
            Const::Bool(flag) => Val::Bool(flag),
            Const::Int(number) => Val::Int(number),
            Const::Float(number) => Val::Float(number),
            Const::Char(character) => Val::Char(character),
            Const::Text(text) => Val::Text(Cow::Owned(text.into_boxed_bytes().into_vec())),
        }
    }

    /// The value for longer than its text lives; a text becomes `()`.
    pub(super) fn without_text(&self) -> Val<'static> {
        match self {
            Self::Unit | Self::Text(_) => Val::Unit,
            Self::Bool(flag) => Val::Bool(*flag),
            Self::Int(number) => Val::Int(*number),
            Self::Float(number) => Val::Float(*number),
            Self::Char(character) => Val::Char(*character),
            Self::Ip(address) => Val::Ip(*address),
        }
    }
}

impl Const {
    pub(super) fn val(&self) -> Val<'_> {
        match self {
            Self::Unit => Val::Unit,
            Self::Bool(flag) => Val::Bool(*flag),
            Self::Int(number) => Val::Int(*number),
            Self::Float(number) => Val::Float(*number),
            Self::Char(character) => Val::Char(*character),
            Self::Text(text) => Val::Text(Cow::Borrowed(text.as_bytes())),
        }
    }
}

/// `==` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The same with its sides the other way round: `a < b` is `b > a`.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    fn of_equality(self, equal: bool) -> Option<bool> {
        match self {
            Self::Equal => Some(equal),
            Self::NotEqual => Some(!equal),
            _ => None,
        }
    }
}

/// `+` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Whether `left` compares with `right` so.
pub(super) fn compare(comparison: Comparison, left: &Val<'_>, right: &Val<'_>) -> Option<bool> {
    use Val as V;
    match (left, right) {
        (V::Int(left), V::Int(right)) => Some(comparison.holds(left.cmp(right))),
        (V::Text(left), V::Text(right)) => Some(comparison.holds(left.cmp(right))),
        (V::Bool(left), V::Bool(right)) => Some(comparison.holds(left.cmp(right))),
        (V::Char(left), V::Char(right)) => Some(comparison.holds(left.cmp(right))),
        (V::Float(left), V::Float(right)) => floats(comparison, *left, *right),
        (V::Float(left), V::Int(right)) => floats(comparison, *left, *right as f64),
        (V::Int(left), V::Float(right)) => floats(comparison, *left as f64, *right),
        // `()` equals itself, and is neither less nor more, nor less-or-equal.
        (V::Unit, V::Unit) => Some(comparison == Comparison::Equal),
        (V::Char(character), V::Text(text)) | (V::Text(text), V::Char(character)) => {
            let mut buffer = [0; 4];
            comparison.of_equality(**text == *character.encode_utf8(&mut buffer).as_bytes())
        }
        (V::Ip(left), V::Ip(right)) => comparison.of_equality(left == right),
        (V::Ip(address), V::Text(text)) | (V::Text(text), V::Ip(address)) => {
            comparison.of_equality(parse_ip(text) == Some(*address))
        }
        // Values of different types are never equal, and neither less nor more.
        _ => Some(comparison == Comparison::NotEqual),
    }
}

/// Rhai takes floats as equal that differ in their last bits, not the same way everywhere: only
/// what is clear is answered.
fn floats(comparison: Comparison, left: f64, right: f64) -> Option<bool> {
    let order = left.partial_cmp(&right)?;
    let scale = left.abs().max(right.abs()).max(1e-300);
    let clear = order.is_eq() || (left - right).abs() > scale * 1e-9;
    (clear && left.is_finite() && right.is_finite()).then(|| comparison.holds(order))
}

/// The result of an operator on numbers; nothing on anything else, on overflow and on division of
/// whole numbers by zero.
pub(super) fn arithmetic(
    operator: Operator,
    left: &Val<'_>,
    right: &Val<'_>,
) -> Option<Val<'static>> {
    use Operator as O;
    let (left, right) = match (left, right) {
        (Val::Int(left), Val::Int(right)) => {
            let result = match operator {
                O::Add => left.checked_add(*right),
                O::Subtract => left.checked_sub(*right),
                O::Multiply => left.checked_mul(*right),
                O::Divide => left.checked_div(*right),
                O::Remainder => left.checked_rem(*right),
            };
            return result.map(Val::Int);
        }
        (Val::Float(left), Val::Float(right)) => (*left, *right),
        (Val::Float(left), Val::Int(right)) => (*left, *right as f64),
        (Val::Int(left), Val::Float(right)) => (*left as f64, *right),
        _ => return None,
    };
    Some(Val::Float(match operator {
        O::Add => left + right,
        O::Subtract => left - right,
        O::Multiply => left * right,
        O::Divide => left / right,
        O::Remainder => left % right,
    }))
}

/// The number that a text holds; `()` where it holds none.
pub fn number(text: &str) -> Const {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Const::Int(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Const::Float(number),
        _ => Const::Unit,
    }
}

/// The same, while a predicate is judged.
pub(super) fn number_in(text: &[u8]) -> Option<Val<'static>> {
    Some(number(std::str::from_utf8(text).ok()?).val().without_text())
}
