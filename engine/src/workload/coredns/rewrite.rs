//! `rewrite`. Models plugin/rewrite.

use super::{Stanza, normal};
use crate::manifest::corefile::{Problem, Word};
use crate::net::dns::{self, Type};
use crate::tables::dns::{Mode, Pattern, Plugin, Rewrite, RewriteKind, RewriteName, RewriteTo};
use std::sync::Arc;

pub(super) fn rewrite(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let mut rules = Vec::new();
    let mut warnings = Vec::new();
    for line in &stanza.lines {
        let mut words: Vec<Word> = line.args().to_vec();
        if words.len() < 2 {
            words.extend(line.lines.iter().flat_map(|inner| inner.words.iter().cloned()));
        }
        let problem = |message: String| Problem::plain(line.words.first(), message);
        rules.push(rule(&words, &mut warnings).map_err(problem)?);
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Rewrite(rules))
}

fn rule(words: &[Word], warnings: &mut Vec<Problem>) -> Result<Rewrite, String> {
    let texts: Vec<&str> = words.iter().map(|word| &*word.text).collect();
    let Some(first) = texts.first().map(|text| text.to_ascii_lowercase()) else {
        return Err("no rule type specified for rewrite".to_owned());
    };
    let explicit = matches!(&*first, "continue" | "stop");
    let mode = if first == "continue" { Mode::Continue } else { Mode::Stop };
    let kind = match explicit {
        true => {
            let missing = || format!("{first} rule must begin with a rule type");
            texts.get(1).ok_or_else(missing)?.to_ascii_lowercase()
        }
        false => first.clone(),
    };
    let args = &texts[1 + usize::from(explicit)..];
    let two = || match args {
        [from, to] => Ok((*from, *to)),
        _ => Err(format!("{kind} rules must have exactly two arguments")),
    };
    let kind = match &*kind {
        "answer" => return Err("response rewrites must begin with a name rule".to_owned()),
        "name" => name_rule(args)?,
        "type" => {
            let (from, to) = two()?;
            let read =
                |text: &str| Type::parse(text).ok_or_else(|| format!("invalid type {:?}", text.to_ascii_uppercase()));
            RewriteKind::Type { from: read(from)?, to: read(to)? }
        }
        "class" => {
            let (from, to) = two()?;
            RewriteKind::Class { from: class(from)?, to: class(to)? }
        }
        "ttl" => ttl_rule(args)?,
        "edns0" | "cname" | "rcode" => {
            let message = format!("rewrite rules of type {kind} are not simulated: this one changes nothing");
            warnings.push(Problem::plain(words.first(), message));
            RewriteKind::Nothing
        }
        _ => return Err(format!("invalid rule type {:?}", texts[0])),
    };
    Ok(Rewrite { mode, kind })
}

fn class(text: &str) -> Result<u16, String> {
    match &*text.to_ascii_uppercase() {
        "IN" => Ok(dns::CLASS_IN),
        "CH" => Ok(dns::CLASS_CHAOS),
        "ANY" => Ok(dns::CLASS_ANY),
        other => Err(format!("invalid class {other:?}")),
    }
}

/// A pattern that a replacement refers to by `{1}`.
fn pattern(from: &str, to: &str) -> Result<Pattern, String> {
    let pattern = Pattern::new(from).map_err(|_| format!("invalid regex matching pattern: {from}"))?;
    let used = (0..=100).filter(|n| to.contains(&format!("{{{n}}}"))).count();
    if used > pattern.groups_count() {
        return Err(format!(
            "the rewrite regex pattern ({to}) uses more subexpressions than its corresponding matching regex pattern ({from})"
        ));
    }
    Ok(pattern)
}

/// `name [exact|prefix|suffix|substring|regex] FROM TO [answer …]`
fn name_rule(args: &[&str]) -> Result<RewriteKind, String> {
    let (how, from, to, rest) = match args {
        [] | [_] => return Err("too few arguments for a name rule".to_owned()),
        [from, to] => ("exact".to_owned(), *from, *to, &[][..]),
        [how, from, to, rest @ ..] => (how.to_ascii_lowercase(), *from, *to, rest),
    };
    let (auto, answers) = if rest.is_empty() { (false, Vec::new()) } else { answer_rules(&how, rest)? };
    let to_name = normal(to);
    let (from, auto) = match &*how {
        // An exact rule reverts its answers by itself.
        "exact" => (RewriteName::Exact(normal(from)), true),
        "prefix" => {
            return Ok(RewriteKind::Name { from: RewriteName::Prefix(prefix(from)), to: prefix(to), auto, answers });
        }
        "suffix" => (RewriteName::Suffix(normal(from)), auto),
        "substring" => {
            let from = RewriteName::Substring(prefix(from));
            return Ok(RewriteKind::Name { from, to: prefix(to), auto, answers });
        }
        "regex" => (RewriteName::Regex(pattern(from, to)?), auto),
        other => {
            return Err(format!(
                "name rule supports only exact, prefix, suffix, substring, and regex name matching, received: {other}"
            ));
        }
    };
    Ok(RewriteKind::Name { from, to: to_name, auto, answers })
}

/// What CoreDNS makes of a part of a name: it, too, gets a dot at its end.
fn prefix(text: &str) -> Arc<str> {
    normal(text)
}

type Answers = Vec<(RewriteTo, Pattern, Arc<str>)>;

fn answer_rules(how: &str, args: &[&str]) -> Result<(bool, Answers), String> {
    if args.len() < 2 {
        return Err(format!("invalid arguments for {how} rule"));
    }
    let (mut auto, mut rules, mut names) = (false, Vec::new(), 0);
    let mut args = args.iter().copied().peekable();
    let mut last = "";
    while let Some(word) = args.peek().copied() {
        if last.is_empty() && word != "answer" {
            return Err(format!("exceeded the number of arguments for a non-answer rule argument for {how} rule"));
        }
        if word == "answer" {
            args.next();
        }
        last = args.next().ok_or_else(|| format!("type missing for answer rule for {how} rule"))?;
        let to = match last {
            "auto" => {
                auto = true;
                continue;
            }
            "name" => RewriteTo::Name,
            "value" => RewriteTo::Value,
            other => return Err(format!("invalid type {other:?} for answer rule for {how} rule")),
        };
        let (Some(from), Some(replacement)) = (args.next(), args.next()) else {
            return Err(format!("{last} answer rule for {how} rule: 2 arguments required"));
        };
        names += u32::from(to == RewriteTo::Name);
        let pattern =
            pattern(from, replacement).map_err(|error| format!("{last} answer rule for {how} rule: {error}"))?;
        rules.push((to, pattern, normal(replacement)));
    }
    if auto && names > 0 {
        return Err("auto name answer rule cannot be combined with explicit name anwer rules".to_owned());
    }
    Ok((auto, rules))
}

/// `ttl [exact|prefix|suffix|substring|regex] NAME SECONDS`, where SECONDS may be `MIN-MAX`.
fn ttl_rule(args: &[&str]) -> Result<RewriteKind, String> {
    let (how, from, seconds) = match args {
        [from, seconds] => ("exact".to_owned(), *from, *seconds),
        [how, from, seconds] => (how.to_ascii_lowercase(), *from, *seconds),
        [] | [_] => return Err("too few arguments for a ttl rule".to_owned()),
        _ => return Err("many few arguments for a ttl rule".to_owned()),
    };
    let (low, high) = seconds.split_once('-').unwrap_or((seconds, seconds));
    let number = |text: &str, other| if text.is_empty() { Some(other) } else { text.parse::<u32>().ok() };
    let (Some(low), Some(high)) = (number(low, 0), number(high, u32::MAX >> 1)) else {
        return Err(format!("invalid TTL '{seconds}' for a ttl rule"));
    };
    let from = match &*how {
        "exact" => RewriteName::Exact(normal(from)),
        "prefix" => RewriteName::Prefix(from.to_ascii_lowercase().into()),
        "suffix" => RewriteName::Suffix(normal(from)),
        "substring" => RewriteName::Substring(from.to_ascii_lowercase().into()),
        "regex" => {
            RewriteName::Regex(Pattern::new(from).map_err(|_| format!("invalid regex pattern in a ttl rule: {from}"))?)
        }
        other => {
            return Err(format!(
                "ttl rule supports only exact, prefix, suffix, substring, and regex name matching, received: {other}"
            ));
        }
    };
    Ok(RewriteKind::Ttl { from, ttl: (low, high) })
}
