//! ping's command lines.

use super::super::options::{Options, Spec, busybox_usage, seconds};
use super::Style;
use crate::tables::text::Family;
use crate::trace::Nanos;

const SECOND: Nanos = 1_000_000_000;
/// Most packets of one command.
pub(super) const PACKETS_MAX: u32 = 1_000;
/// Packets after which a ping that would go on for ever is stopped, as its user would stop it.
pub(super) const PACKETS_WITHOUT_COUNT: u32 = 10;

/// `-M`: how DF is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathMtu {
    Do,
    Dont,
    Want,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub host: String,
    pub count: Option<u64>,
    pub interval: Nanos,
    /// Data bytes.
    pub size: u16,
    pub ttl: Option<u8>,
    /// How long the last reply is waited for if there was none before.
    pub linger: Nanos,
    pub deadline: Option<Nanos>,
    pub quiet: bool,
    pub adaptive: bool,
    pub flood: bool,
    pub numeric: bool,
    pub broadcast: bool,
    pub outstanding: bool,
    pub timestamps: bool,
    pub path_mtu: PathMtu,
    pub source: Option<String>,
    pub family: Family,
}

/// The options that there are.
pub(super) fn spec(style: Style) -> Spec {
    Spec::short(match style {
        Style::Busybox => "qAc:i:s:t:w:W:I:n46p:",
        Style::Iputils => "aAbBc:CdDe:fF:hi:I:l:Lm:M:nN:Op:qQ:rRs:S:t:T:UvVw:W:46",
    })
}

/// The settings, or a message and the exit status.
pub(super) fn parse(style: Style, argv: &[String]) -> Result<Settings, (String, i32)> {
    let mut settings = Settings {
        host: String::new(),
        count: None,
        interval: SECOND,
        size: 56,
        ttl: None,
        linger: 10 * SECOND,
        deadline: None,
        quiet: false,
        adaptive: false,
        flood: false,
        numeric: false,
        broadcast: false,
        outstanding: false,
        timestamps: false,
        path_mtu: PathMtu::Want,
        source: None,
        family: Family::Any,
    };
    let mut options = Options::new(spec(style), argv);
    while let Some(option) = options.next() {
        let (letter, value) = option.map_err(|message| usage(style, &message))?;
        match style {
            Style::Busybox => busybox(&mut settings, letter, value)?,
            Style::Iputils => iputils(&mut settings, letter, value)?,
        }
    }
    match (style, options.operands.as_slice()) {
        (_, [host]) => settings.host = (*host).to_owned(),
        (Style::Busybox, _) => return Err(usage(style, "")),
        (Style::Iputils, []) => return Err(("ping: usage error: Destination address required\n".to_owned(), 1)),
        // The others would be hops of a source route, which no router follows.
        (Style::Iputils, [.., host]) => settings.host = (*host).to_owned(),
    }
    Ok(settings)
}

fn usage(style: Style, message: &str) -> (String, i32) {
    let message = if message.is_empty() { String::new() } else { format!("ping: {message}\n") };
    match style {
        Style::Busybox => (message + &busybox_usage("ping [OPTIONS] HOST"), 1),
        Style::Iputils => (message + "\nUsage\n  ping [options] <destination>\n\nFor more details see ping(8).\n", 2),
    }
}

/// Settings that both have.
fn common(settings: &mut Settings, letter: char, value: &str) {
    match letter {
        'q' => settings.quiet = true,
        'A' => settings.adaptive = true,
        'n' => settings.numeric = true,
        '4' => settings.family = Family::V4,
        '6' => settings.family = Family::V6,
        'I' => settings.source = Some(value.to_owned()),
        _ => {}
    }
}

fn busybox(settings: &mut Settings, letter: char, value: &str) -> Result<(), (String, i32)> {
    // Models libbb xatonum: no sign, no blanks, a range.
    let number = |max: u64| match value.parse::<u64>() {
        Ok(number) if number <= max => Ok(number),
        Ok(_) => Err((format!("ping: number {value} is not in 0..{max} range\n"), 1)),
        Err(_) => Err((format!("ping: invalid number '{value}'\n"), 1)),
    };
    match letter {
        // 0 is for ever.
        'c' => settings.count = Some(number(u64::from(u32::MAX))?).filter(|count| *count > 0),
        's' => settings.size = number(65_535)? as u16,
        't' => settings.ttl = Some(number(u64::from(u32::MAX))? as u8).filter(|ttl| *ttl > 0),
        'w' => settings.deadline = Some(number(i32::MAX as u64)? * SECOND).filter(|wait| *wait > 0),
        'W' => settings.linger = number(i32::MAX as u64)? * SECOND,
        'i' => {
            settings.interval = seconds(value).ok_or((format!("ping: invalid number '{value}'\n"), 1))?;
        }
        'p' => return Err(("ping: podhop's pings carry no pattern (-p)\n".to_owned(), 1)),
        _ => common(settings, letter, value),
    }
    Ok(())
}

fn iputils(settings: &mut Settings, letter: char, value: &str) -> Result<(), (String, i32)> {
    // Models iputils_common.c strtol_or_err.
    let number = |min: u64, max: u64| match value.parse::<u64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) => Err((format!("ping: invalid argument: '{value}': out of range: {min} <= value <= {max}\n"), 1)),
        Err(_) => Err((format!("ping: invalid argument: '{value}'\n"), 1)),
    };
    let time = || seconds(value).ok_or((format!("ping: option argument contains garbage: {value}\n"), 2));
    match letter {
        'c' => settings.count = Some(number(1, i64::MAX as u64)?),
        'i' => settings.interval = time()?,
        's' => {
            let size = number(0, i32::MAX as u64)?;
            // The kernel refuses with EMSGSIZE, which is not about an MTU.
            settings.size = u16::try_from(size).map_err(|_| ("ping: local error: message too long\n".to_owned(), 1))?;
        }
        't' => match number(0, 255)? {
            0 => return Err(("ping: cannot set unicast time-to-live: Invalid argument\n".to_owned(), 2)),
            ttl => settings.ttl = Some(ttl as u8),
        },
        'w' => settings.deadline = Some(number(0, i32::MAX as u64)? * SECOND).filter(|wait| *wait > 0),
        'W' => settings.linger = time()?,
        'M' => {
            settings.path_mtu = match value {
                "do" => PathMtu::Do,
                "dont" => PathMtu::Dont,
                "want" => PathMtu::Want,
                _ => return Err((format!("ping: invalid -M argument: {value}\n"), 2)),
            }
        }
        'f' => {
            settings.flood = true;
            settings.interval = settings.interval.min(SECOND / 100);
        }
        'b' => settings.broadcast = true,
        'O' => settings.outstanding = true,
        'D' => settings.timestamps = true,
        'h' => return Err(usage(Style::Iputils, "")),
        'V' => {
            let version = "ping from iputils 20240905\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, \
                           __fpending(): yes\n";
            return Err((version.to_owned(), 0));
        }
        'l' | 'p' | 'R' | 'T' | 'F' | 'N' | 'e' => {
            return Err((format!("ping: podhop's pings do not have -{letter}\n"), 2));
        }
        _ => common(settings, letter, value),
    }
    Ok(())
}
