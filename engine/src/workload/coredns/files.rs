//! `hosts` and `file`: plugins that answer from a file's text, or from lines in the Corefile.

use super::cluster::fall;
use super::{Stanza, normal, words};
use crate::manifest::corefile::{PATH, Problem, Word};
use crate::net::dns::{Record, Type, name, parse_record, zone_lines};
use crate::tables::dns::{Fall, Hosts, Plugin, Zone};
use std::net::IpAddr;
use std::sync::Arc;

/// Most records of one zone file.
const RECORDS_MAX: usize = 20_000;

/// The path of a file relative to the Corefile's folder, where its ConfigMap's other keys are.
fn beside(path: &str) -> &str {
    let folder = PATH.rsplit_once('/').map_or("", |(folder, _)| folder);
    path.strip_prefix(folder).map_or(path, |rest| rest.trim_start_matches('/'))
}

/// Models plugin/hosts/setup.go and hostsfile.go.
pub(super) fn hosts(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let (path, zones) = match line.args() {
        [path, zones @ ..] => (Some(path), zones),
        [] => (None, &[][..]),
    };
    let mut warnings = Vec::new();
    let mut hosts =
        Hosts { zones: stanza.origins(zones), entries: Vec::new(), ttl: 3600, reverse: true, fall: Fall::default() };
    match path.map(|word| &*word.text) {
        None | Some("/etc/hosts") => hosts.entries.extend(stanza.environment.hosts.iter().cloned()),
        Some(text) => match (stanza.environment.file)(beside(text)) {
            Some(text) => text.lines().for_each(|line| hosts.entries.extend(host_line(line.split_whitespace()))),
            None => warnings.push(Problem::plain(path, format!("plugin/hosts: File does not exist: {text}"))),
        },
    }
    for property in &line.lines {
        let args = property.args();
        match property.name() {
            "fallthrough" => hosts.fall = fall(property),
            "no_reverse" => hosts.reverse = false,
            "ttl" => {
                let word = args.first().ok_or_else(|| property.error("ttl needs a time in second"))?;
                let number = words::integer(word).map_err(|_| property.error("ttl needs a number of second"))?;
                let ttl = u32::try_from(number).ok().filter(|ttl| (1..=65_535).contains(ttl));
                hosts.ttl = ttl.ok_or_else(|| property.error("ttl provided is invalid"))?;
            }
            "reload" => {
                let [word] = args else {
                    return Err(property.error("reload needs a duration (zero seconds to disable)"));
                };
                words::duration(word)
                    .map_err(|_| property.error(&format!("invalid duration for reload '{}'", word.text)))?;
            }
            other if hosts.fall == Fall::default() => {
                let found = host_line(property.words.iter().map(|word| &*word.text));
                if found.is_none() {
                    let message = format!("plugin/hosts: {other:?} is no address: the line is ignored");
                    warnings.push(Problem::plain(property.words.first(), message));
                }
                hosts.entries.extend(found);
            }
            other => return Err(property.error(&format!("unknown property '{other}'"))),
        }
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Hosts(hosts))
}

fn host_line<'w>(mut words: impl Iterator<Item = &'w str>) -> Option<(IpAddr, Vec<Arc<str>>)> {
    let ip = words.next()?.split('%').next()?.parse().ok()?;
    let names: Vec<Arc<str>> = words.take_while(|word| !word.starts_with('#')).map(normal).collect();
    (!names.is_empty()).then_some((ip, names))
}

/// `file DBFILE [ZONES…]`. Models plugin/file/setup.go.
pub(super) fn file(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let mut zones: Vec<Zone> = Vec::new();
    for line in &stanza.lines {
        let [path, args @ ..] = line.args() else { return Err(line.arg_error()) };
        let mut through = Fall::default();
        for property in &line.lines {
            match property.name() {
                "fallthrough" => through = fall(property),
                "reload" | "upstream" => {}
                other => return Err(property.error(&format!("unknown property '{other}'"))),
            }
        }
        let text = (stanza.environment.file)(beside(&path.text))
            .ok_or_else(|| Problem::plain(Some(path), format!("open {}: no such file or directory", path.text)))?;
        for origin in stanza.origins(args) {
            let records = zone(&text, &origin, path)?;
            zones.retain(|zone| zone.origin != origin);
            zones.push(Zone { origin, records, fall: through.clone() });
        }
    }
    Ok(Plugin::File(zones))
}

/// A zone file (RFC 1035, 5): `$ORIGIN`, `$TTL`, parentheses, comments.
fn zone(text: &str, origin: &str, path: &Word) -> Result<Vec<Record>, Problem> {
    let file = &path.text;
    let (mut origin_now, mut ttl) = (origin.to_owned(), 3600);
    let mut owner: Option<Arc<str>> = None;
    let mut records = Vec::new();
    for (number, indented, words) in zone_lines(text) {
        let error = |what: &str| {
            Problem::plain(Some(path), format!("dns: {what} at line: {number} in {file}: {:?}", words.join(" ")))
        };
        match words.first().map(String::as_str) {
            None => continue,
            Some("$ORIGIN") => {
                let Some(name) = words.get(1).filter(|name| name::is_valid(name)) else {
                    return Err(error("bad origin name"));
                };
                origin_now = name::absolute(name).to_ascii_lowercase();
                continue;
            }
            Some("$TTL") => {
                let seconds = words.get(1).and_then(|word| word.parse().ok());
                ttl = seconds.ok_or_else(|| error("expecting $TTL value, not this..."))?;
                continue;
            }
            Some(word) if word.starts_with('$') => return Err(error("podhop does not read this directive")),
            Some(_) => {}
        }
        let known = owner.as_deref().filter(|_| indented);
        let record = parse_record(&words, known, &origin_now, ttl).map_err(|what| error(&what))?;
        owner = Some(record.name.clone());
        if records.len() >= RECORDS_MAX {
            return Err(error("too many records"));
        }
        records.push(record);
    }
    let has = |kind| records.iter().any(|r: &Record| r.kind() == kind && r.name.eq_ignore_ascii_case(origin));
    if !has(Type::SOA) {
        return Err(Problem::plain(Some(path), format!("file {file:?} has no SOA record for origin {origin}")));
    }
    Ok(records)
}
