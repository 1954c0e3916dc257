//! Calico's selector expressions: `app == 'web' && !has(legacy)`. Models libcalico-go lib/selector/{tokenizer,parser} of
//! Calico 3.31.

mod parse;

#[cfg(test)]
mod tests;

pub use parse::ExpressionError;

use std::sync::Arc;

/// What is asked of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    All,
    /// What is in no namespace.
    Global,
    Has(Arc<str>),
    /// A label and how its value compares.
    Compared(Arc<str>, Comparison),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

/// Values of sets are sorted, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equals(Arc<str>),
    Differs(Arc<str>),
    Contains(Arc<str>),
    StartsWith(Arc<str>),
    EndsWith(Arc<str>),
    In(Vec<Arc<str>>),
    NotIn(Vec<Arc<str>>),
}

impl Expression {
    /// An empty text selects everything. Bounded in depth; the error tells where it stands.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        parse::parse(text)
    }

    /// `KEY == "VALUE"`
    pub fn equals(key: &str, value: &str) -> Expression {
        Expression::Compared(key.into(), Comparison::Equals(value.into()))
    }

    /// All of them; one alone is itself.
    pub fn all_of(mut parts: Vec<Expression>) -> Expression {
        match parts.len() {
            0 => Expression::All,
            1 => parts.remove(0),
            _ => Expression::And(parts),
        }
    }

    /// What does not match it.
    pub fn negated(self) -> Expression {
        Expression::Not(Box::new(self))
    }

    /// Whether labels fit: `label` tells the value of one.
    pub fn matches<'a>(&self, label: &impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Expression::All | Expression::Global => true,
            Expression::Has(key) => label(key).is_some(),
            Expression::Compared(key, comparison) => comparison.holds(label(key)),
            Expression::Not(inner) => !inner.matches(label),
            Expression::And(parts) => parts.iter().all(|part| part.matches(label)),
            Expression::Or(parts) => parts.iter().any(|part| part.matches(label)),
        }
    }

    /// The same with every part that is no operator replaced.
    pub fn mapped(&self, change: &impl Fn(&Expression) -> Expression) -> Expression {
        let each = |parts: &[Expression]| parts.iter().map(|part| part.mapped(change)).collect();
        match self {
            Expression::Not(inner) => inner.mapped(change).negated(),
            Expression::And(parts) => Expression::And(each(parts)),
            Expression::Or(parts) => Expression::Or(each(parts)),
            leaf => change(leaf),
        }
    }

    /// The same of labels whose names begin with `prefix`.
    pub fn prefixed(&self, prefix: &str) -> Expression {
        let named = |key: &str| format!("{prefix}{key}").into();
        self.mapped(&|leaf| match leaf {
            Expression::Has(key) => Expression::Has(named(key)),
            Expression::Compared(key, comparison) => Expression::Compared(named(key), comparison.clone()),
            other => other.clone(),
        })
    }

    /// Each label that it asks for, with the value that it must have, if it is one alone.
    pub fn labels(&self, found: &mut Vec<(Arc<str>, Option<Arc<str>>)>) {
        match self {
            Expression::All | Expression::Global => {}
            Expression::Has(key) => found.push((key.clone(), None)),
            Expression::Compared(key, Comparison::Equals(value)) => found.push((key.clone(), Some(value.clone()))),
            Expression::Compared(key, _) => found.push((key.clone(), None)),
            Expression::Not(inner) => inner.labels(found),
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| part.labels(found)),
        }
    }

    /// As Calico writes it, of which names are made.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            Expression::All => out.push_str("all()"),
            Expression::Global => out.push_str("global()"),
            Expression::Has(key) => out.extend(["has(", key, ")"]),
            Expression::Compared(key, comparison) => comparison.write(key, out),
            Expression::Not(inner) => {
                out.push('!');
                inner.write(out);
            }
            Expression::And(parts) => joined(parts, " && ", out),
            Expression::Or(parts) => joined(parts, " || ", out),
        }
    }
}

impl Comparison {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |values: &[Arc<str>]| value.is_some_and(|value| values.iter().any(|own| **own == *value));
        match self {
            Comparison::Equals(wanted) => value == Some(&**wanted),
            Comparison::Differs(wanted) => value != Some(&**wanted),
            Comparison::Contains(part) => value.is_some_and(|value| value.contains(&**part)),
            Comparison::StartsWith(part) => value.is_some_and(|value| value.starts_with(&**part)),
            Comparison::EndsWith(part) => value.is_some_and(|value| value.ends_with(&**part)),
            Comparison::In(values) => listed(values),
            Comparison::NotIn(values) => !listed(values),
        }
    }

    fn write(&self, key: &str, out: &mut String) {
        let (word, values) = match self {
            Comparison::Equals(value) => ("==", std::slice::from_ref(value)),
            Comparison::Differs(value) => ("!=", std::slice::from_ref(value)),
            Comparison::Contains(value) => ("contains", std::slice::from_ref(value)),
            Comparison::StartsWith(value) => ("starts with", std::slice::from_ref(value)),
            Comparison::EndsWith(value) => ("ends with", std::slice::from_ref(value)),
            Comparison::In(values) => ("in", values.as_slice()),
            Comparison::NotIn(values) => ("not in", values.as_slice()),
        };
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        let values = values.join(", ");
        match self {
            Comparison::In(_) | Comparison::NotIn(_) => out.extend([key, " ", word, " {", &values, "}"]),
            _ => out.extend([key, " ", word, " ", &values]),
        }
    }
}

/// A text cannot hold both sorts of quotes.
fn quoted(value: &str) -> String {
    if value.contains('"') { format!("'{value}'") } else { format!("\"{value}\"") }
}

fn joined(parts: &[Expression], between: &str, out: &mut String) {
    out.push('(');
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        part.write(out);
    }
    out.push(')');
}
