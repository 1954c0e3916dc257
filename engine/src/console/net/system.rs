//! Small programs about the machine: `date`, `id`, `sleep`, `uname`, `uptime`, `whoami`.

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::clock::{EPOCH, Moment};
use super::fail;
use super::options::{Options, Spec, busybox_usage, seconds};
use crate::trace::Nanos;

/// Longest sleep of one command, in seconds: a virtual day.
const SLEEP_MAX: u64 = 86_400;

/// `date [-u] [-I] [+FORMAT]`: the simulation's clock.
pub fn date(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let now = machine.world.now();
    let moment = Moment::new(now);
    let mut text = moment.date();
    for word in &argv[1..] {
        text = match word.as_str() {
            "-u" | "--utc" => text,
            "-I" => moment.iso()[..10].to_owned(),
            "-Iseconds" => moment.iso().replace('Z', "+00:00"),
            _ => match word.strip_prefix('+') {
                Some(format) => strftime(format, &moment, now),
                None => return fail(io, "date: podhop's clock is the simulation's and cannot be set\n", 1),
            },
        };
    }
    io.out(&format!("{text}\n"));
    0
}

fn strftime(format: &str, moment: &Moment, now: u64) -> String {
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => text.push_str(&moment.year.to_string()),
            Some('m') => text.push_str(&format!("{:02}", moment.month)),
            Some('d') => text.push_str(&format!("{:02}", moment.day)),
            Some('H') => text.push_str(&format!("{:02}", moment.hour)),
            Some('M') => text.push_str(&format!("{:02}", moment.minute)),
            Some('S') => text.push_str(&format!("{:02}", moment.second)),
            Some('T') => text.push_str(&moment.time()),
            Some('F') => text.push_str(&moment.iso()[..10]),
            Some('a') => text.push_str(moment.weekday_name()),
            Some('b') => text.push_str(moment.month_name()),
            Some('Z') => text.push_str("UTC"),
            Some('z') => text.push_str("+0000"),
            Some('s') => text.push_str(&(EPOCH + now / 1_000_000_000).to_string()),
            Some('N') => text.push_str(&format!("{:09}", now % 1_000_000_000)),
            Some('%') => text.push('%'),
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
    }
    text
}

/// `sleep N[smhd]…`: lets virtual time pass.
pub fn sleep(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let total = match slept(machine, argv) {
        Ok(total) => total,
        Err(message) => return fail(io, &message, 1),
    };
    let longest = SLEEP_MAX * 1_000_000_000;
    machine.world.advance(total.min(longest));
    if total > longest {
        return fail(io, "sleep: stopped after a day, podhop's bound\n", 1);
    }
    0
}

/// How long `sleep` would sleep; an error is what it prints.
pub fn slept(machine: &Machine<'_>, argv: &[String]) -> Result<Nanos, String> {
    let busybox = machine.toolbox().busybox;
    let mut total: u64 = 0;
    for word in &argv[1..] {
        let (number, unit) = match word.char_indices().last() {
            Some((at, 's')) => (&word[..at], 1),
            Some((at, 'm')) => (&word[..at], 60),
            Some((at, 'h')) => (&word[..at], 3_600),
            Some((at, 'd')) => (&word[..at], 86_400),
            _ => (word.as_str(), 1),
        };
        let duration = match seconds(number) {
            Some(nanos) => nanos.saturating_mul(unit),
            None if matches!(word.as_str(), "infinity" | "inf") => u64::MAX,
            None if busybox => return Err(format!("sleep: invalid number '{word}'\n")),
            None => {
                let help = "Try 'sleep --help' for more information.";
                return Err(format!("sleep: invalid time interval ‘{word}’\n{help}\n"));
            }
        };
        total = total.saturating_add(duration);
    }
    if argv.len() == 1 {
        let missing = "sleep: missing operand\nTry 'sleep --help' for more information.\n".to_owned();
        return Err(if busybox { busybox_usage("sleep [N]...") } else { missing });
    }
    Ok(total)
}

/// The options of `uname`.
pub const UNAME: Spec = Spec { long: &[("all", 'a')], ..Spec::short("asnrvmpio") };

/// `uname [-asnrvmo]`
pub fn uname(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut options = Options::new(UNAME, argv);
    let mut asked = String::new();
    while let Some(option) = options.next() {
        match option {
            Ok((letter, _)) => asked.push(letter),
            Err(message) => return fail(io, &format!("uname: {message}\n"), 1),
        }
    }
    let hostname = machine.hostname();
    let parts = [
        ('s', "Linux"),
        ('n', &hostname),
        ('r', "6.18.0-podhop"),
        ('v', "#1 SMP PREEMPT_DYNAMIC"),
        ('m', "x86_64"),
        ('o', "GNU/Linux"),
    ];
    let default = if asked.is_empty() { "s" } else { &asked };
    let chosen = parts.iter().filter(|(letter, _)| default.contains(['a', *letter])).map(|(_, text)| *text);
    let text = chosen.collect::<Vec<_>>().join(" ");
    io.out(&format!("{text}\n"));
    0
}

pub fn uptime(machine: &mut Machine<'_>, _argv: &[String], io: &mut Io) -> i32 {
    let now = machine.world.now();
    let minutes = now / 60_000_000_000;
    let up = match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours:2}:{minutes:02}"),
        (days, hours, minutes) => format!("{days} day{}, {hours:2}:{minutes:02}", if days == 1 { "" } else { "s" }),
    };
    let time = Moment::new(now).time();
    io.out(&format!(" {time} up {up},  0 users,  load average: 0.00, 0.00, 0.00\n"));
    0
}

/// The user that commands run as: `runAsUser`, else root; `student` on the host.
fn user(machine: &Machine<'_>) -> (u64, String) {
    match &machine.context {
        Context::Host => (1000, "student".to_owned()),
        Context::Node { .. } => (0, "root".to_owned()),
        Context::Container { pod, container } => {
            let record = machine.world.revision().pods.get(pod);
            let container = record.and_then(|record| record.spec.containers.get(*container));
            match container.and_then(|container| container.run_as_user) {
                None | Some(0) => (0, "root".to_owned()),
                Some(uid) => (uid as u64, String::new()),
            }
        }
    }
}

pub fn whoami(machine: &mut Machine<'_>, _argv: &[String], io: &mut Io) -> i32 {
    match user(machine) {
        (uid, name) if name.is_empty() && machine.toolbox().busybox => {
            fail(io, &format!("whoami: unknown uid {uid}\n"), 1)
        }
        (uid, name) if name.is_empty() => fail(io, &format!("whoami: cannot find name for user ID {uid}\n"), 1),
        (_, name) => {
            io.out(&format!("{name}\n"));
            0
        }
    }
}

/// `id [-u|-g|-n]`
pub fn id(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let (uid, name) = user(machine);
    let gid = if name == "student" { 1000 } else { 0 };
    let asked: String = argv[1..].iter().filter_map(|word| word.strip_prefix('-')).collect();
    let group = if gid == 0 { "root" } else { "student" };
    let text = match (asked.contains('n'), asked.contains('u'), asked.contains('g')) {
        (true, true, _) if !name.is_empty() => name,
        (_, true, _) => uid.to_string(),
        (true, _, true) => group.to_owned(),
        (_, _, true) => gid.to_string(),
        _ => {
            let shown = if name.is_empty() { String::new() } else { format!("({name})") };
            format!("uid={uid}{shown} gid={gid}({group}) groups={gid}({group})")
        }
    };
    io.out(&format!("{text}\n"));
    0
}
