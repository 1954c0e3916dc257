//! `template`. Models plugin/template, with Go's text/template as far as names and groups go.

use super::Stanza;
use super::cluster::fall;
use crate::manifest::corefile::{Line, Problem, Word};
use crate::net::dns::{self, Rcode, Type};
use crate::tables::dns::{Fall, Pattern, Plugin, Template, TemplatePiece, TemplateText};
use std::sync::Arc;

/// Models plugin/template/setup.go maxRegexpLen.
const PATTERN_LEN_MAX: usize = 10_000;

pub(super) fn template(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let mut templates = Vec::new();
    let mut warnings = Vec::new();
    for line in &stanza.lines {
        let [class, kind, zones @ ..] = line.args() else { return Err(line.arg_error()) };
        let class_number = match &*class.text {
            "IN" => dns::CLASS_IN,
            "CH" => dns::CLASS_CHAOS,
            "ANY" => dns::CLASS_ANY,
            other => return Err(line.error(&format!("invalid query class {other}"))),
        };
        let known = Type::parse(&kind.text).filter(|_| kind.text.chars().all(|c| !c.is_lowercase()));
        let number = known.ok_or_else(|| line.error(&format!("invalid RR class {}", kind.text)))?;
        let mut template = Template {
            class: class_number,
            kind: number,
            zones: stanza.origins(zones),
            matches: Vec::new(),
            rcode: Rcode::NOERROR,
            answers: Vec::new(),
            additional: Vec::new(),
            authority: Vec::new(),
            fall: Fall::default(),
        };
        for property in &line.lines {
            self::property(&mut template, property, &mut warnings)?;
        }
        templates.push(template);
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Template(templates))
}

fn property(template: &mut Template, property: &Line, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    let args = property.args();
    let some = || if args.is_empty() { Err(property.arg_error()) } else { Ok(()) };
    match property.name() {
        "match" => {
            some()?;
            for word in args {
                if word.text.len() > PATTERN_LEN_MAX {
                    let message = format!("regex pattern too long: {} > {PATTERN_LEN_MAX}", word.text.len());
                    return Err(property.error(&message));
                }
                let error = |e: String| property.error(&format!("could not parse regex: {}, {e}", word.text));
                template.matches.push(Pattern::new(&word.text).map_err(error)?);
            }
        }
        name @ ("answer" | "additional" | "authority") => {
            some()?;
            let texts = args.iter().map(|word| text(word, property, warnings)).collect::<Result<Vec<_>, _>>()?;
            match name {
                "answer" => template.answers.extend(texts),
                "additional" => template.additional.extend(texts),
                _ => template.authority.extend(texts),
            }
        }
        "rcode" => {
            let word = args.first().ok_or_else(|| property.arg_error())?;
            let unknown = || property.error(&format!("unknown rcode {}", word.text));
            template.rcode = Rcode::parse(&word.text).ok_or_else(unknown)?;
        }
        "ederror" => {
            some()?;
            warnings.push(Problem::plain(property.words.first(), "template: ederror is not simulated"));
        }
        "fallthrough" => template.fall = fall(property),
        "upstream" => {}
        _ => return Err(property.arg_error()),
    }
    Ok(())
}

/// `{{ .Name }} 60 IN A {{ .Group.ip }}`
fn text(word: &Word, line: &Line, warnings: &mut Vec<Problem>) -> Result<TemplateText, Problem> {
    let mut pieces = Vec::new();
    let mut rest = &*word.text;
    let broken = |what: &str| line.error(&format!("could not compile template: {}, template: {what}", word.text));
    while let Some(at) = rest.find("{{") {
        let mut before = &rest[..at];
        let Some(len) = rest[at..].find("}}") else { return Err(broken("unclosed action")) };
        let mut action = &rest[at + 2..at + len];
        rest = &rest[at + len + 2..];
        if let Some(trimmed) = action.strip_prefix("- ") {
            action = trimmed;
            before = before.trim_end();
        }
        if let Some(trimmed) = action.strip_suffix(" -") {
            action = trimmed;
            rest = rest.trim_start();
        }
        if !before.is_empty() {
            pieces.push(TemplatePiece::Text(before.into()));
        }
        match piece(action.trim()) {
            Some(piece) => pieces.push(piece),
            None if action.trim().is_empty() => return Err(broken("missing value for command")),
            None => {
                let message = format!("template: {{{{{action}}}}} is not simulated and stays empty");
                warnings.push(Problem::plain(Some(word), message));
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(TemplatePiece::Text(rest.into()));
    }
    Ok(TemplateText(pieces))
}

fn piece(action: &str) -> Option<TemplatePiece> {
    if let Some(name) = action.strip_prefix(".Group.") {
        return Some(TemplatePiece::Named(name.into()));
    }
    let mut words = action.split_whitespace();
    Some(match (words.next()?, words.next(), words.next(), words.next()) {
        (".Name" | ".Question.Name", None, ..) => TemplatePiece::Name,
        (".Zone", None, ..) => TemplatePiece::Zone,
        (".Class", None, ..) => TemplatePiece::Class,
        (".Type", None, ..) => TemplatePiece::Type,
        (".Remote", None, ..) => TemplatePiece::Remote,
        ("index", Some(".Match"), Some(number), None) => TemplatePiece::Group(number.parse().ok()?),
        ("index", Some(".Group"), Some(name), None) => TemplatePiece::Named(Arc::from(name.trim_matches(['"', '`']))),
        _ => return None,
    })
}
