//! dig's `+words`.

use crate::net::dns;

/// What `+words` say.
#[derive(Clone)]
pub(super) struct Settings {
    pub short: bool,
    pub tcp: bool,
    pub search: bool,
    pub ndots: Option<u32>,
    pub recurse: bool,
    pub edns: bool,
    pub bufsize: u16,
    pub time: u64,
    pub tries: u32,
    pub command: bool,
    pub comments: bool,
    pub question: bool,
    pub answer: bool,
    pub authority: bool,
    pub additional: bool,
    pub stats: bool,
    pub port: u16,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            short: false,
            tcp: false,
            search: false,
            ndots: None,
            recurse: true,
            edns: true,
            bufsize: 1232,
            time: 5,
            tries: 3,
            command: true,
            comments: true,
            question: true,
            answer: true,
            authority: true,
            additional: true,
            stats: true,
            port: dns::PORT,
        }
    }
}

pub(super) const USAGE: &str = "Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}\n            {global-d-opt} host [@local-server] {local-d-opt}\n            [ host [@local-server] {local-d-opt} [...]]\n\nUse \"dig -h\" (or \"dig -h | more\") for complete list of options\n";

/// `+option`
pub(super) fn plus(settings: &mut Settings, option: &str) -> Result<(), String> {
    let (option, value) = option.split_once('=').map_or((option, None), |(option, value)| (option, Some(value)));
    let (on, name) = option.strip_prefix("no").map_or((true, option), |n| (false, n));
    let number = || value.and_then(|value| value.parse::<u32>().ok());
    match name {
        "short" => {
            settings.short = on;
            if on {
                settings.command = false;
                (settings.comments, settings.stats) = (false, false);
            }
        }
        "tcp" | "vc" => settings.tcp = on,
        "search" | "defname" => settings.search = on,
        "ndots" => (settings.ndots, settings.search) = (number(), true),
        "recurse" | "rec" | "rdflag" => settings.recurse = on,
        "edns" => settings.edns = on,
        "bufsize" | "bufs" => settings.bufsize = number().map_or(1232, |size| size.min(65_535) as u16),
        "time" | "timeout" => settings.time = u64::from(number().unwrap_or(5).clamp(1, 300)),
        "tries" => settings.tries = number().unwrap_or(3).clamp(1, 10),
        "retry" => settings.tries = number().unwrap_or(2).clamp(0, 9) + 1,
        "cmd" => settings.command = on,
        "comments" | "comm" => settings.comments = on,
        "question" | "qu" => settings.question = on,
        "answer" | "ans" => settings.answer = on,
        "authority" | "auth" => settings.authority = on,
        "additional" | "add" => settings.additional = on,
        "stats" => settings.stats = on,
        "all" => {
            (settings.command, settings.comments, settings.stats) = (on, on, on);
            (settings.question, settings.answer, settings.authority, settings.additional) = (on, on, on, on);
        }
        "cookie" | "aaflag" | "adflag" | "cdflag" | "dnssec" | "identify" | "multiline" | "nssearch" | "qr"
        | "ttlid" | "class" | "fail" | "ignore" | "idnin" | "idnout" | "crypto" | "mapped" | "besteffort" | "trace"
        | "showsearch" | "rrcomments" => {}
        _ => return Err(format!("Invalid option: +{option}\n{USAGE}")),
    }
    Ok(())
}
