//! Compound commands: `{ … }`, `if`, `while`, `until`, `for`, `case` (POSIX XCU 2.9.4).

use super::ast::*;
use super::error::Problem;
use super::parse::{CLOSERS, Parsed, Parser, is_meta, is_name};

impl Parser<'_> {
    pub(super) fn compound(&mut self) -> Parsed<Option<Kind>> {
        let Some(word) = self.reserved() else { return Ok(None) };
        if !matches!(word, "{" | "if" | "while" | "until" | "for" | "case") {
            return if CLOSERS.contains(&word) { Err(self.unexpected("")) } else { Ok(None) };
        }
        self.at += word.len();
        Ok(Some(match word {
            "{" => {
                let list = self.body()?;
                self.expect("}")?;
                Kind::Group(list)
            }
            "if" => self.if_arms()?,
            "for" => self.for_words()?,
            "case" => self.case_arms()?,
            _ => {
                let condition = self.body()?;
                Kind::Loop { until: word == "until", condition, body: self.do_done()? }
            }
        }))
    }

    fn do_done(&mut self) -> Parsed<List> {
        self.expect("do")?;
        let body = self.body()?;
        self.expect("done")?;
        Ok(body)
    }

    fn if_arms(&mut self) -> Parsed<Kind> {
        let mut arms = Vec::new();
        loop {
            let condition = self.body()?;
            self.expect("then")?;
            arms.push((condition, self.body()?));
            if self.keyword("elif") {
                continue;
            }
            let otherwise = if self.keyword("else") { self.body()? } else { List::new() };
            self.expect("fi")?;
            return Ok(Kind::If { arms, otherwise });
        }
    }

    fn for_words(&mut self) -> Parsed<Kind> {
        self.skip_blanks();
        let end = self.rest().find(is_meta).unwrap_or(self.rest().len());
        let name = self.rest()[..end].to_string();
        if !is_name(&name) {
            return Err(self.error(Problem::BadLoopVariable(name)));
        }
        self.at += end;
        self.skip_newlines()?;
        let mut words = None;
        if self.keyword("in") {
            let mut list = Vec::new();
            self.skip_blanks();
            while let Some(word) = self.word()? {
                list.push(word);
                self.skip_blanks();
            }
            if !self.eat(";") && self.peek() != Some('\n') {
                return Err(self.unexpected(""));
            }
            words = Some(list);
        } else {
            self.eat(";");
        }
        Ok(Kind::For { name, words, body: self.do_done()? })
    }

    fn case_arms(&mut self) -> Parsed<Kind> {
        self.skip_blanks();
        let Some(subject) = self.word()? else { return Err(self.unexpected("")) };
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.keyword("esac") {
                return Ok(Kind::Case { subject, arms });
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                let Some(pattern) = self.word()? else { return Err(self.unexpected("")) };
                patterns.push(pattern);
                self.skip_blanks();
                if !self.eat("|") {
                    break;
                }
            }
            if !self.eat(")") {
                return Err(self.unexpected(")"));
            }
            arms.push((patterns, self.list(false)?));
            self.skip_newlines()?;
            if !self.eat(";;") && self.reserved() != Some("esac") {
                return Err(self.unexpected(";;"));
            }
        }
    }
}
