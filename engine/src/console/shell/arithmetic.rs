//! `$((…))`: C's integer expressions over the shell's variables (POSIX XCU 2.6.4), in wrapping 64-bit arithmetic.

use super::error::Dialect;
use super::parse::is_name_byte;
use super::session::Session;

const DEPTH_MAX: usize = 60;

/// Binary operators by rising precedence.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

struct Evaluator<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Within a branch that is not taken: nothing is assigned and no division fails.
    idle: bool,
    session: &'a mut Session,
}

/// The value of an expression, or the shell's message.
pub(super) fn evaluate(text: &str, session: &mut Session) -> Result<i64, String> {
    let mut evaluator = Evaluator { text, at: 0, depth: 0, idle: false, session };
    if evaluator.peek_end() {
        return Ok(0);
    }
    let value = evaluator.assignment()?;
    if evaluator.peek_end() { Ok(value) } else { Err(evaluator.syntax()) }
}

impl Evaluator<'_> {
    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek_end(&mut self) -> bool {
        self.skip();
        self.at == self.text.len()
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn syntax(&self) -> String {
        match self.session.dialect {
            Dialect::Ash => "arithmetic syntax error".into(),
            Dialect::Bash => format!(
                "{}: arithmetic syntax error: operand expected (error token is \"{}\")",
                self.text,
                &self.text[self.at..]
            ),
        }
    }

    fn name(&mut self) -> Option<String> {
        self.skip();
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
        let first = rest.bytes().next().filter(|byte| !byte.is_ascii_digit());
        (length > 0 && first.is_some()).then(|| {
            self.at += length;
            rest[..length].to_string()
        })
    }

    /// `name = …`, `name += …`, or a conditional expression.
    fn assignment(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("arithmetic expression is nested too deeply (podhop's limit is {DEPTH_MAX})"));
        }
        let start = self.at;
        if let Some(name) = self.name() {
            let operators = ["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="];
            self.skip();
            let rest = &self.text[self.at..];
            let operator = operators.iter().find(|operator| rest.starts_with(**operator));
            if let Some(operator) = operator.filter(|operator| **operator != "=" || !rest.starts_with("==")) {
                self.at += operator.len();
                let right = self.assignment()?;
                let value = match operator.strip_suffix('=') {
                    Some("") | None => right,
                    Some(operator) => {
                        let left = self.variable(&name)?;
                        self.apply(operator, left, right)?
                    }
                };
                self.assign(&name, value);
                self.depth -= 1;
                return Ok(value);
            }
        }
        self.at = start;
        let value = self.conditional()?;
        self.depth -= 1;
        Ok(value)
    }

    fn conditional(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let first = self.within(condition == 0, Self::assignment)?;
        if !self.eat(":") {
            return Err(self.syntax());
        }
        let second = self.within(condition != 0, Self::assignment)?;
        Ok(if condition != 0 { first } else { second })
    }

    fn within(&mut self, idle: bool, inner: fn(&mut Self) -> Result<i64, String>) -> Result<i64, String> {
        let before = self.idle;
        self.idle |= idle;
        let value = inner(self);
        self.idle = before;
        value
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            self.skip();
            let rest = &self.text[self.at..];
            let Some(operator) = operators.iter().find(|operator| rest.starts_with(**operator)) else {
                return Ok(left);
            };
            // `&` is not `&&`, `<` not `<<`, and no operator is the front of an assignment.
            let after = rest[operator.len()..].bytes().next();
            let doubled =
                operator.len() == 1 && matches!(*operator, "&" | "|" | "<" | ">") && after == operator.bytes().next();
            let assigns = after == Some(b'=') && !matches!(*operator, "==" | "!=" | "<=" | ">=");
            if doubled || assigns {
                return Ok(left);
            }
            self.at += operator.len();
            let before = self.idle;
            self.idle |= (*operator == "&&" && left == 0) || (*operator == "||" && left != 0);
            let right = self.binary(level + 1);
            self.idle = before;
            left = self.apply(operator, left, right?)?;
        }
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Result<i64, String> {
        if matches!(operator, "/" | "%") && right == 0 {
            return match (self.idle, self.session.dialect) {
                (true, _) => Ok(0),
                (_, Dialect::Ash) => Err("divide by zero".into()),
                (_, Dialect::Bash) => Err(format!("{}: division by 0 (error token is \"0\")", self.text)),
            };
        }
        Ok(match operator {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<<" => left.wrapping_shl(right as u32),
            ">>" => left.wrapping_shr(right as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn unary(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("arithmetic expression is nested too deeply (podhop's limit is {DEPTH_MAX})"));
        }
        let value = if self.eat("++") || self.eat("--") {
            let increase = self.text.as_bytes()[self.at - 1] == b'+';
            let Some(name) = self.name() else { return Err(self.syntax()) };
            let value = self.variable(&name)?.wrapping_add(if increase { 1 } else { -1 });
            self.assign(&name, value);
            value
        } else if self.eat("!") {
            i64::from(self.unary()? == 0)
        } else if self.eat("~") {
            !self.unary()?
        } else if self.eat("-") {
            self.unary()?.wrapping_neg()
        } else if self.eat("+") {
            self.unary()?
        } else if self.eat("(") {
            let value = self.assignment()?;
            if !self.eat(")") {
                return Err(self.syntax());
            }
            value
        } else {
            self.operand()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self) -> Result<i64, String> {
        if let Some(name) = self.name() {
            let value = self.variable(&name)?;
            let step = if self.eat("++") {
                1
            } else if self.eat("--") {
                -1
            } else {
                return Ok(value);
            };
            self.assign(&name, value.wrapping_add(step));
            return Ok(value);
        }
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let Some(value) = number(&rest[..length]) else { return Err(self.syntax()) };
        self.at += length;
        Ok(value)
    }

    /// A variable's value: a number, or the name of another variable.
    fn variable(&self, name: &str) -> Result<i64, String> {
        let mut name = name;
        for _ in 0..8 {
            let text = self.session.variable(name).unwrap_or("").trim();
            if text.is_empty() {
                return Ok(0);
            }
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
            if let Some(value) = number(digits) {
                return Ok(if negative { value.wrapping_neg() } else { value });
            }
            name = text;
        }
        Err(self.syntax())
    }

    fn assign(&mut self, name: &str, value: i64) {
        if !self.idle {
            self.session.set(name, &value.to_string());
        }
    }
}

/// Decimal, `0x…` or octal `0…`.
fn number(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => i64::from_str_radix(digits, 8).ok(),
        _ if text.is_empty() || !text.as_bytes()[0].is_ascii_digit() => None,
        _ => text.parse().ok(),
    }
}
