//! `awk [-F SEPARATOR] 'PATTERN {print …}' FILE…`: the forms that cut columns out of a command's output.
//!
//! Patterns are `/re/`, `NR==2` and its like, `$3=="text"`, `$1~/re/`, joined by `&&`; what is printed are fields,
//! `NR`, `NF`, and strings. Variables, arithmetic and control flow are refused with a message: they would cost the page
//! as much as the whole shell.

use super::regex::{Regex, Syntax};
use super::tool::{Tool, lines};

const KNOWN: &str = "podhop's awk knows patterns (/re/, NR==2, $1==\"x\", $1~/re/, &&) and {print $1, $NF \"text\"}";
const TERMS_MAX: usize = 200;

enum Term {
    /// `$N`; `$0` is the line.
    Field(usize),
    /// `$NF`, `$(NF-1)`: counted from the end.
    FromEnd(usize),
    LineNumber,
    FieldsCount,
    Text(String),
}

struct Condition {
    left: Term,
    operator: &'static str,
    right: Term,
    /// For `~` and a pattern by itself.
    regex: Option<Regex>,
}

struct Rule {
    conditions: Vec<Condition>,
    /// What is printed, with blanks between the groups of terms.
    print: Vec<Vec<Term>>,
}

/// Runs `awk`.
pub(super) fn awk(tool: &mut Tool, words: &[String]) -> i32 {
    let mut options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    if options.words.is_empty() {
        return tool.usage("no program given");
    }
    let program = options.words.remove(0);
    let mut parser = Parser { rest: &program, terms_left: TERMS_MAX };
    let Some(rules) = parser.rules() else { return tool.fail(&format!("{KNOWN}; not: {}", parser.rest.trim())) };
    let separator = options.value('F').map(|text| super::unescape(text).0);
    let (text, failed) = tool.input(&options.words);
    for (index, line) in lines(&text).enumerate() {
        let record = Record { line, fields: split(line, separator.as_deref()), number: index + 1 };
        let mut result = String::new();
        for rule in &rules {
            let cost =
                rule.conditions.iter().filter_map(|condition| condition.regex.as_ref()).map(|regex| regex.cost(line));
            if !tool.io.spend(16 + cost.sum::<usize>()) {
                return 2;
            }
            if rule.conditions.iter().all(|condition| record.holds(condition)) {
                let groups =
                    rule.print.iter().map(|terms| terms.iter().map(|term| record.value(term)).collect::<String>());
                result.push_str(&groups.collect::<Vec<_>>().join(" "));
                result.push('\n');
            }
        }
        tool.io.out(&result);
    }
    i32::from(failed)
}

fn split<'t>(line: &'t str, separator: Option<&str>) -> Vec<&'t str> {
    match separator {
        None | Some(" " | "") => line.split_ascii_whitespace().collect(),
        Some(_) if line.is_empty() => Vec::new(),
        Some(separator) => line.split(separator).collect(),
    }
}

struct Record<'t> {
    line: &'t str,
    fields: Vec<&'t str>,
    number: usize,
}

impl Record<'_> {
    fn value(&self, term: &Term) -> String {
        let field =
            |at: Option<usize>| at.and_then(|at| self.fields.get(at)).map_or(String::new(), |field| field.to_string());
        match term {
            Term::Field(0) => self.line.to_string(),
            Term::Field(number) => field(Some(number - 1)),
            Term::FromEnd(back) => field(self.fields.len().checked_sub(back + 1)),
            Term::LineNumber => self.number.to_string(),
            Term::FieldsCount => self.fields.len().to_string(),
            Term::Text(text) => text.clone(),
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let left = self.value(&condition.left);
        if let Some(regex) = &condition.regex {
            return regex.is_match(&left) != (condition.operator == "!~");
        }
        let right = self.value(&condition.right);
        // Two whole numbers compare as numbers.
        let order = match (left.parse::<i64>(), right.parse::<i64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            _ => left.cmp(&right),
        };
        match condition.operator {
            "==" => order.is_eq(),
            "!=" => order.is_ne(),
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            "<" => order.is_lt(),
            _ => order.is_gt(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    terms_left: usize,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn rules(&mut self) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        loop {
            while self.eat(";") {}
            if self.rest.is_empty() {
                return (!rules.is_empty()).then_some(rules);
            }
            let mut conditions = Vec::new();
            if !self.rest.starts_with('{') {
                conditions.push(self.condition()?);
                while self.eat("&&") {
                    conditions.push(self.condition()?);
                }
            }
            let mut print = vec![vec![Term::Field(0)]];
            if self.eat("{") {
                print = self.print()?;
                self.eat(";");
                self.eat("}").then_some(())?;
            }
            rules.push(Rule { conditions, print });
        }
    }

    fn condition(&mut self) -> Option<Condition> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('/') {
            let regex = Some(self.regex()?);
            return Some(Condition { left: Term::Field(0), operator: "~", right: Term::Field(0), regex });
        }
        let left = self.term()?;
        let operators = ["==", "!=", "<=", ">=", "!~", "<", ">", "~"];
        let operator = operators.into_iter().find(|operator| self.eat(operator))?;
        self.rest = self.rest.trim_start();
        if operator.ends_with('~') {
            let regex = Some(self.regex()?);
            return Some(Condition { left, operator, right: Term::Field(0), regex });
        }
        Some(Condition { left, operator, right: self.term()?, regex: None })
    }

    fn print(&mut self) -> Option<Vec<Vec<Term>>> {
        self.eat("print").then_some(())?;
        let mut groups = vec![Vec::new()];
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with(['}', ';']) {
                break;
            }
            if self.eat(",") {
                groups.push(Vec::new());
            }
            let term = self.term()?;
            groups.last_mut()?.push(term);
        }
        if groups.len() == 1 && groups[0].is_empty() {
            groups[0].push(Term::Field(0));
        }
        Some(groups)
    }

    fn term(&mut self) -> Option<Term> {
        self.terms_left = self.terms_left.checked_sub(1)?;
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            let text = self.delimited('"')?;
            return Some(Term::Text(super::unescape(&text.replace("\\\"", "\"")).0));
        }
        for (name, make) in [("$NF", 0usize), ("$(NF-1)", 1), ("$(NF-2)", 2)] {
            if self.eat(name) {
                return Some(Term::FromEnd(make));
            }
        }
        if self.eat("NR") || self.eat("FNR") {
            return Some(Term::LineNumber);
        }
        if self.eat("NF") {
            return Some(Term::FieldsCount);
        }
        let is_field = self.eat("$");
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match is_field {
            true => number.parse().ok().map(Term::Field),
            false => (digits > 0).then(|| Term::Text(number.to_string())),
        }
    }

    fn regex(&mut self) -> Option<Regex> {
        let text = self.delimited('/')?.replace("\\/", "/");
        Regex::new(&text, Syntax::Extended, false)
    }

    /// Text between delimiters, with its backslashes.
    fn delimited(&mut self, delimiter: char) -> Option<String> {
        let inside = self.rest.strip_prefix(delimiter)?;
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == delimiter && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        self.rest = &inside[end + 1..];
        Some(inside[..end].to_string())
    }
}
