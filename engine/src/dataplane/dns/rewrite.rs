//! The `rewrite` plugin. Models plugin/rewrite name.go, type.go, class.go, ttl.go, reverter.go.

use super::chain::{Asked, Chain, Outcome, Served};
use crate::net::dns::{Data, Message, Rcode, Record, Type, name};
use crate::tables::dns::{Mode, Pattern, Rewrite, RewriteKind, RewriteName, RewriteTo};
use std::sync::Arc;

/// What is done to the records of the answer.
enum Revert {
    /// A name, and all below it, back to another.
    Map {
        to: RewriteTo,
        from: String,
        back: String,
    },
    Suffix {
        to: RewriteTo,
        from: String,
        back: String,
    },
    Pattern {
        to: RewriteTo,
        from: Pattern,
        back: Arc<str>,
    },
    Ttl(u32, u32),
}

/// The new name, if the rule fits.
fn changed(from: &RewriteName, to: &str, qname: &str) -> Option<String> {
    match from {
        RewriteName::Exact(from) => (**from == *qname).then(|| to.to_owned()),
        RewriteName::Prefix(from) => qname.strip_prefix(&**from).map(|rest| format!("{to}{rest}")),
        RewriteName::Suffix(from) => qname.strip_suffix(&**from).map(|rest| format!("{rest}{to}")),
        RewriteName::Substring(from) => qname.contains(&**from).then(|| qname.replace(&**from, to)),
        RewriteName::Regex(pattern) => pattern.groups(qname).map(|groups| filled(to, &groups)),
    }
}

/// `{1}` and its like, filled in.
fn filled(text: &str, groups: &[(Option<String>, String)]) -> String {
    let numbered = (0..).zip(groups);
    numbered.fold(text.to_owned(), |text, (n, (_, group)): (usize, _)| text.replace(&format!("{{{n}}}"), group))
}

impl Chain<'_> {
    pub fn rewrite(&mut self, rules: &[Rewrite], asked: &Asked, at: usize) -> Served {
        let mut now = asked.clone();
        let mut reverts = Vec::new();
        let mut done = false;
        for rule in rules {
            if !self.apply(rule, &mut now, &mut reverts) {
                continue;
            }
            done = true;
            if !name::is_valid(now.qname()) {
                let error = format!("invalid name after rewrite: {}", now.qname());
                return Ok(Outcome::failed(Rcode::SERVFAIL, Some(error), None));
            }
            if rule.mode == Mode::Stop {
                break;
            }
        }
        if !done {
            return self.next(asked, at + 1);
        }
        let mut outcome = self.next(&now, at + 1)?;
        let mut message = outcome.message.take().unwrap_or_else(|| now.message.reply(outcome.rcode));
        message.questions = vec![asked.question().clone()];
        revert(&mut message, &reverts);
        outcome.message = Some(message);
        outcome.rcode = Rcode::NOERROR;
        Ok(outcome)
    }

    /// True if the rule fits.
    fn apply(&self, rule: &Rewrite, now: &mut Asked, reverts: &mut Vec<Revert>) -> bool {
        let qname = now.name();
        let Some(question) = now.message.questions.first_mut() else { return false };
        match &rule.kind {
            RewriteKind::Nothing => false,
            RewriteKind::Type { from, to } => {
                let fits = question.kind == *from;
                if fits {
                    question.kind = *to;
                }
                fits
            }
            RewriteKind::Class { from, to } => {
                let fits = question.class == *from;
                if fits {
                    question.class = *to;
                }
                fits
            }
            RewriteKind::Ttl { from, ttl } => {
                let fits = changed(from, "", &qname).is_some();
                if fits {
                    reverts.push(Revert::Ttl(ttl.0, ttl.1));
                }
                fits
            }
            RewriteKind::Name { from, to, auto, answers } => {
                let Some(new) = changed(from, to, &qname) else { return false };
                question.name = name::absolute(&new);
                let new = question.name.to_string();
                for part in [RewriteTo::Name, RewriteTo::Value].into_iter().filter(|_| *auto) {
                    reverts.push(match from {
                        RewriteName::Suffix(suffix) => {
                            Revert::Suffix { to: part, from: to.to_string(), back: suffix.to_string() }
                        }
                        _ => Revert::Map { to: part, from: new.clone(), back: qname.clone() },
                    });
                }
                let patterns = answers.iter().cloned();
                reverts.extend(patterns.map(|(to, from, back)| Revert::Pattern { to, from, back }));
                true
            }
        }
    }
}

/// Undoes it in the answer, the last rule first.
fn revert(message: &mut Message, reverts: &[Revert]) {
    for section in [&mut message.authority, &mut message.answers, &mut message.additional] {
        for record in section.iter_mut().filter(|record| record.kind() != Type::OPT) {
            for revert in reverts.iter().rev() {
                revert_record(record, revert);
            }
        }
    }
}

/// The text that a rule makes of a record's name or value.
fn reverted(text: &str, revert: &Revert) -> String {
    let new = match revert {
        Revert::Ttl(..) => None,
        Revert::Map { from, back, .. } if text == from => Some(back.clone()),
        Revert::Map { from, back, .. } => {
            let rest = text.strip_suffix(&**from).filter(|rest| rest.ends_with('.'));
            rest.map(|rest| format!("{rest}{back}"))
        }
        Revert::Suffix { from, back, .. } => text.strip_suffix(&**from).map(|rest| format!("{rest}{back}")),
        Revert::Pattern { from, back, .. } => from.groups(text).map(|groups| filled(back, &groups)),
    };
    new.unwrap_or_else(|| text.to_owned())
}

fn revert_record(record: &mut Record, revert: &Revert) {
    let to = match revert {
        Revert::Ttl(low, high) => {
            record.ttl = record.ttl.clamp(*low, (*high).max(*low));
            return;
        }
        Revert::Map { to, .. } | Revert::Suffix { to, .. } | Revert::Pattern { to, .. } => *to,
    };
    let part = match to {
        RewriteTo::Name => Some(&mut record.name),
        RewriteTo::Value => match &mut record.data {
            Data::Srv { target, .. } => Some(target),
            Data::Mx { exchange, .. } => Some(exchange),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => Some(name),
            Data::Soa(soa) => Some(&mut soa.primary),
            _ => None,
        },
    };
    if let Some(part) = part {
        let changed = reverted(part, revert);
        if name::is_valid(&changed) {
            *part = name::absolute(&changed);
        }
    }
}
