//! curl's command line.

use crate::console::net::options::{Spec, seconds};
use crate::dataplane::resolver::Families;
use crate::trace::Nanos;
use std::net::IpAddr;

/// Its options, as they are completed.
pub const SPEC: Spec = Spec { long: LONG, ..Spec::short("46vsSo:Ow:kIX:H:d:Lm:fiGNA:e:u:b:C:R:") };

const LONG: &[(&str, char)] = &[
    ("connect-timeout", 'C'),
    ("data", 'd'),
    ("fail", 'f'),
    ("head", 'I'),
    ("header", 'H'),
    ("include", 'i'),
    ("insecure", 'k'),
    ("location", 'L'),
    ("max-time", 'm'),
    ("output", 'o'),
    ("request", 'X'),
    ("resolve", 'R'),
    ("show-error", 'S'),
    ("silent", 's'),
    ("user-agent", 'A'),
    ("verbose", 'v'),
    ("write-out", 'w'),
];

/// Options with and without a value: letter, long name.
const FLAGS: &[(char, &str)] = &[
    ('v', "verbose"),
    ('s', "silent"),
    ('S', "show-error"),
    ('O', "remote-name"),
    ('k', "insecure"),
    ('I', "head"),
    ('L', "location"),
    ('f', "fail"),
    ('i', "include"),
    ('i', "show-headers"),
    ('G', "get"),
    ('N', "no-buffer"),
    ('4', "ipv4"),
    ('6', "ipv6"),
    ('#', "progress-bar"),
    ('0', "http1.0"),
];
const VALUES: &[(char, &str)] = &[
    ('o', "output"),
    ('w', "write-out"),
    ('X', "request"),
    ('H', "header"),
    ('d', "data"),
    ('d', "data-raw"),
    ('d', "data-binary"),
    ('m', "max-time"),
    ('A', "user-agent"),
    ('e', "referer"),
    ('u', "user"),
    ('b', "cookie"),
    ('C', "connect-timeout"),
    ('R', "resolve"),
    ('U', "url"),
    ('r', "retry"),
    ('p', "interface"),
    ('M', "max-redirs"),
];

/// Most answers that one command follows.
pub(super) const REDIRECTS_MAX: usize = 50;

/// What the command line asks for.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub verbose: bool,
    pub silent: bool,
    pub show_error: bool,
    pub head: bool,
    pub include: bool,
    pub fail: bool,
    pub follow: bool,
    pub redirects_max: Option<usize>,
    /// How many answers have led here.
    pub redirects_count: usize,
    pub output: Option<String>,
    pub remote_name: bool,
    pub write_out: String,
    pub method: Option<String>,
    pub headers: Vec<String>,
    pub data: Option<String>,
    pub get: bool,
    pub agent: Option<String>,
    pub connect_timeout: Option<Nanos>,
    pub max_time: Option<Nanos>,
    pub resolve: Vec<(String, u16, IpAddr)>,
    pub families: Option<Families>,
    pub urls: Vec<String>,
}

/// A complaint, and the exit status.
type Wrong = (String, i32);

pub(super) fn parse(argv: &[String]) -> Result<Settings, Wrong> {
    let mut settings = Settings::default();
    let help = "curl: try 'curl --help' or 'curl --manual' for more information\n";
    let mut words = argv[1..].iter();
    let mut ended = false;
    while let Some(word) = words.next() {
        if ended || !word.starts_with('-') || word == "-" {
            settings.urls.push(word.clone());
            continue;
        }
        if word == "--" {
            ended = true;
            continue;
        }
        if word == "--version" || word == "-V" {
            return Err((
                String::from("curl 8.14.1 (x86_64-pc-linux-musl)\nRelease-Date: 2025-06-04\nProtocols: http\n"),
                0,
            ));
        }
        if let Some(name) = word.strip_prefix("--") {
            let unknown = || (format!("curl: option --{name}: is unknown\n{help}"), 2);
            if let Some((letter, _)) = FLAGS.iter().find(|(_, own)| *own == name) {
                flag(&mut settings, *letter);
                continue;
            }
            let (letter, _) = VALUES.iter().find(|(_, own)| *own == name).ok_or_else(unknown)?;
            let missing = || (format!("curl: option --{name}: requires parameter\n{help}"), 2);
            value(&mut settings, *letter, name, words.next().ok_or_else(missing)?)?;
            continue;
        }
        for (at, letter) in word[1..].char_indices() {
            if FLAGS.iter().any(|(own, _)| *own == letter) {
                flag(&mut settings, letter);
                continue;
            }
            let Some((_, name)) = VALUES.iter().find(|(own, _)| *own == letter && !"CRUrpM".contains(letter)) else {
                return Err((format!("curl: option -{letter}: is unknown\n{help}"), 2));
            };
            let attached = &word[1 + at + letter.len_utf8()..];
            let given = if attached.is_empty() { words.next().map(String::as_str) } else { Some(attached) };
            let missing = || (format!("curl: option -{letter}: requires parameter\n{help}"), 2);
            value(&mut settings, letter, name, given.ok_or_else(missing)?)?;
            break;
        }
    }
    if settings.urls.is_empty() {
        return Err((format!("curl: (2) no URL specified\n{help}"), 2));
    }
    Ok(settings)
}

fn flag(settings: &mut Settings, letter: char) {
    match letter {
        'v' => settings.verbose = true,
        's' => settings.silent = true,
        'S' => settings.show_error = true,
        'O' => settings.remote_name = true,
        'I' => settings.head = true,
        'i' => settings.include = true,
        'f' => settings.fail = true,
        'L' => settings.follow = true,
        'G' => settings.get = true,
        '4' => settings.families = Some(Families::V4),
        '6' => settings.families = Some(Families::V6),
        _ => {}
    }
}

fn value(settings: &mut Settings, letter: char, name: &str, value: &str) -> Result<(), Wrong> {
    let time = || {
        let error = || (format!("curl: option --{name}: expected a proper numerical parameter\n"), 2);
        seconds(value).ok_or_else(error).map(|time| Some(time).filter(|time| *time > 0))
    };
    match letter {
        'o' => settings.output = Some(value.to_owned()),
        'w' => settings.write_out = value.to_owned(),
        'X' => settings.method = Some(value.to_owned()),
        'H' => settings.headers.push(value.to_owned()),
        'd' => {
            let joined = settings.data.take().map_or_else(String::new, |data| data + "&");
            settings.data = Some(joined + value);
        }
        'A' => settings.agent = Some(value.to_owned()),
        'm' => settings.max_time = time()?,
        'C' => settings.connect_timeout = time()?,
        'M' => {
            let error = || (format!("curl: option --{name}: expected a proper numerical parameter\n"), 2);
            let number: i64 = value.parse().map_err(|_| error())?;
            settings.redirects_max = Some(usize::try_from(number).unwrap_or(REDIRECTS_MAX).min(REDIRECTS_MAX));
        }
        'U' => settings.urls.push(value.to_owned()),
        'R' => {
            let mut parts = value.splitn(3, ':');
            let (host, port, ip) = (parts.next(), parts.next(), parts.next());
            let port = port.and_then(|port| port.parse().ok());
            let ip = ip.and_then(|ip| ip.trim_matches(['[', ']']).parse().ok());
            let error = || (format!("curl: (49) Couldn't parse CURLOPT_RESOLVE entry '{value}'\n"), 49);
            let (Some(host), Some(port), Some(ip)) = (host, port, ip) else { return Err(error()) };
            settings.resolve.push((host.to_owned(), port, ip));
        }
        _ => {}
    }
    Ok(())
}
