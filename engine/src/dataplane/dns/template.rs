//! The `template` plugin. Models plugin/template/template.go.

use super::chain::{Asked, Chain, Outcome, Served, authoritative};
use crate::net::dns::{CLASS_ANY, Data, Rcode, Record, Type, name, parse_record, zone_lines};
use crate::tables::dns::{Entry, Template, TemplatePiece, TemplateText};

type Groups = Vec<(Option<String>, String)>;

impl Chain<'_> {
    pub fn template(&mut self, templates: &[Template], asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        if !templates.iter().any(|template| name::longest(&template.zones, &qname).is_some()) {
            return self.next(asked, at + 1);
        }
        for template in templates {
            let Some(zone) = name::longest(&template.zones, &qname) else { continue };
            let class = asked.question().class;
            let other_class = template.class != CLASS_ANY && class != CLASS_ANY && class != template.class;
            let other_kind = template.kind != Type::ANY && asked.kind() != Type::ANY && asked.kind() != template.kind;
            if other_class || other_kind {
                continue;
            }
            let groups = match template.matches.as_slice() {
                [] => Some(vec![(None, qname.clone())]),
                patterns => patterns.iter().find_map(|pattern| pattern.groups(&qname)),
            };
            let Some(groups) = groups else {
                if template.fall.through(&qname) {
                    continue;
                }
                return Ok(Outcome::failed(Rcode::SERVFAIL, None, Some(own)));
            };
            if template.rcode == Rcode::SERVFAIL {
                return Ok(Outcome::failed(Rcode::SERVFAIL, None, Some(own)));
            }
            let mut message = authoritative(asked, template.rcode, Vec::new());
            for text in &template.answers {
                let record = match self.render(text, asked, zone, &groups) {
                    Ok(record) => record,
                    Err(error) => return Ok(Outcome::failed(Rcode::SERVFAIL, Some(error), Some(own))),
                };
                let alias = match &record.data {
                    Data::Cname(target) if matches!(asked.kind(), Type::A | Type::AAAA) => Some(target.clone()),
                    _ => None,
                };
                message.answers.push(record);
                if let Some(target) = alias
                    && let Some(more) = self.lookup(asked, &target, asked.kind())?
                {
                    message.flags.truncated = more.flags.truncated;
                    message.answers.extend(more.answers);
                }
            }
            for (texts, section) in
                [(&template.additional, &mut message.additional), (&template.authority, &mut message.authority)]
            {
                for text in texts {
                    match self.render(text, asked, zone, &groups) {
                        Ok(record) => section.push(record),
                        Err(error) => return Ok(Outcome::failed(Rcode::SERVFAIL, Some(error), Some(own))),
                    }
                }
            }
            return Ok(Outcome::written(message, Some(own)));
        }
        self.next(asked, at + 1)
    }

    fn render(&self, text: &TemplateText, asked: &Asked, zone: &str, groups: &Groups) -> Result<Record, String> {
        let mut line = String::new();
        for piece in &text.0 {
            match piece {
                TemplatePiece::Text(text) => line.push_str(text),
                TemplatePiece::Name => line.push_str(&asked.name()),
                TemplatePiece::Zone => line.push_str(zone),
                TemplatePiece::Class => line.push_str("IN"),
                TemplatePiece::Type => line.push_str(&asked.kind().to_string()),
                TemplatePiece::Remote => line.push_str(&self.client.ip.to_string()),
                TemplatePiece::Group(number) => match groups.get(*number) {
                    Some((_, group)) => line.push_str(group),
                    None => return Err(format!("template: error calling index: index out of range: {number}")),
                },
                TemplatePiece::Named(wanted) => {
                    let numbered = (0..).zip(groups);
                    let found = numbered
                        .filter(|(n, (own, _)): &(usize, _)| {
                            own.as_deref() == Some(&**wanted) || **wanted == n.to_string()
                        })
                        .map(|(_, (_, group))| group.as_str());
                    line.push_str(found.last().unwrap_or("<no value>"));
                }
            }
        }
        // Models dns.NewRR: the first record of a zone file.
        let words = zone_lines(&line).into_iter().next().map_or_else(Vec::new, |(_, _, words)| words);
        parse_record(&words, None, ".", 3600).map_err(|error| format!("dns: {error}"))
    }
}
