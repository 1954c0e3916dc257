//! Plugins of few settings: `cache`, `forward`, `log`, `loadbalance`, `bufsize`, pages and those without any.

use super::{Stanza, normal, words};
use crate::manifest::corefile::{Line, Problem};
use crate::tables::dns::{Cache, Forward, Log, Plugin, Policy, Prefetch};
use std::net::IpAddr;
use std::sync::Arc;

pub(super) fn plugin(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    Ok(match stanza.name {
        "cache" => cache(stanza)?,
        "forward" => forward(stanza)?,
        "log" => log(stanza)?,
        "loadbalance" => loadbalance(stanza)?,
        "bufsize" => bufsize(stanza)?,
        "ready" => Plugin::Ready(page_port(stanza, 8181)?),
        "health" => health(stanza)?,
        "prometheus" => Plugin::Prometheus(page_port(stanza, 9153)?),
        "errors" => errors(stanza)?,
        "loop" => loop_(stanza)?,
        "reload" => reload(stanza)?,
        "any" => without_arguments(stanza, Plugin::Any)?,
        "minimal" => without_arguments(stanza, Plugin::Minimal)?,
        _ => without_arguments(stanza, Plugin::Whoami)?,
    })
}

fn without_arguments(stanza: &Stanza<'_>, plugin: Plugin) -> Result<Plugin, Problem> {
    match stanza.lines.iter().find(|line| !line.args().is_empty() || !line.lines.is_empty()) {
        Some(line) => Err(line.arg_error()),
        None => Ok(plugin),
    }
}

/// `[ADDRESS]:PORT`
fn page_port(stanza: &Stanza<'_>, default: u16) -> Result<u16, Problem> {
    let line = stanza.once()?;
    match line.args() {
        [] => Ok(default),
        [address] => {
            let port = address.text.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            let error = || Problem::plain(Some(address), format!("address {}: missing port in address", address.text));
            port.ok_or_else(error)
        }
        _ => Err(line.arg_error()),
    }
}

fn health(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let port = page_port(stanza, 8080)?;
    for property in &stanza.once()?.lines {
        match (property.name(), property.args()) {
            ("lameduck", [duration]) => drop(words::duration(duration)?),
            ("lameduck", _) => return Err(property.arg_error()),
            _ => return Err(property.arg_error()),
        }
    }
    Ok(Plugin::Health(port))
}

fn errors(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    match line.args() {
        [] => {}
        [out] if &*out.text == "stdout" => {}
        [_] => return Err(Problem::plain(line.words.last(), format!("invalid log file: {}", line.args()[0].text))),
        _ => return Err(line.arg_error()),
    }
    for property in &line.lines {
        match property.name() {
            "consolidate" | "stacktrace" => {}
            other => return Err(property.error(&format!("unknown property '{other}'"))),
        }
    }
    Ok(Plugin::Errors)
}

/// `loop`: the zone is the server block's first.
fn loop_(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    if !line.args().is_empty() {
        return Err(line.arg_error());
    }
    Ok(Plugin::Loop { zone: stanza.zones.first().cloned().unwrap_or_else(|| ".".into()) })
}

/// `reload [INTERVAL] [JITTER]`
fn reload(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    if line.args().len() > 2 {
        return Err(line.arg_error());
    }
    let least = [2_000_000_000, 1_000_000_000];
    for (word, (least, what)) in line.args().iter().zip(least.into_iter().zip(["interval", "jitter"])) {
        let given = words::duration(word)?;
        if given < least && (given != 0 || what == "jitter") {
            return Err(Problem::plain(
                Some(word),
                format!("{what} value must be greater or equal to {}s", least / 1_000_000_000),
            ));
        }
    }
    Ok(Plugin::Reload)
}

fn bufsize(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    match line.args() {
        [] => Ok(Plugin::Bufsize(1232)),
        [word] => {
            let size = words::integer(word)?;
            if !(512..=4096).contains(&size) {
                return Err(line.error(&format!("bufsize must be within 512 - 4096, got: {size}")));
            }
            Ok(Plugin::Bufsize(size as u16))
        }
        _ => Err(line.arg_error()),
    }
}

fn loadbalance(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let policy = line.args().first();
    match policy.map(|word| &*word.text) {
        None | Some("round_robin") => Ok(Plugin::Loadbalance { shuffles: true }),
        Some("weighted") => {
            let message = "the policy weighted is not simulated: answers keep their order";
            let warning = Problem::plain(policy, message);
            stanza.warnings.push(warning);
            Ok(Plugin::Loadbalance { shuffles: false })
        }
        Some(other) => Err(Problem::plain(policy, format!("unknown policy: {other}"))),
    }
}

const COMMON: &str = "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" {rcode} {>rflags} {rsize} {duration}";

/// `log [NAMES…] [FORMAT]`. Models plugin/log/setup.go.
fn log(stanza: &Stanza<'_>) -> Result<Plugin, Problem> {
    let mut rules = Vec::new();
    for line in &stanza.lines {
        let is_format = |text: &str| text.contains('{');
        let (names, format) = match line.args().split_last() {
            Some((last, names)) if is_format(&last.text) => {
                let format = last.text.replace("{common}", COMMON);
                (names, format.replace("{combined}", &format!("{COMMON} \"{{>opcode}}\"")))
            }
            _ => (line.args(), COMMON.to_owned()),
        };
        let mut classes: Vec<Arc<str>> = Vec::new();
        for property in &line.lines {
            match property.name() {
                "class" if property.args().is_empty() => return Err(property.arg_error()),
                "class" => classes.extend(property.args().iter().map(|word| word.text.clone())),
                _ => return Err(property.arg_error()),
            }
        }
        if let Some(class) = classes.iter().find(|c| !matches!(&***c, "all" | "success" | "denial" | "error")) {
            return Err(line.error(&format!("invalid class: {class}")));
        }
        if classes.iter().any(|class| &**class == "all") {
            classes.clear();
        }
        let scopes = if names.is_empty() { vec![".".into()] } else { stanza.origins(names) };
        rules.extend(scopes.into_iter().map(|scope| Log {
            scope,
            format: format.as_str().into(),
            classes: classes.clone(),
        }));
    }
    Ok(Plugin::Log(rules))
}

/// `cache [TTL] [ZONES…]`. Models plugin/cache/setup.go.
fn cache(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let mut args = line.args();
    let mut ttl = (3600, 1800);
    if let Some(seconds) = args.first().and_then(|word| word.text.parse::<i64>().ok()) {
        let Some(seconds) = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0) else {
            let message = format!("cache TTL can not be zero or negative: {seconds}");
            return Err(Problem::plain(args.first(), message));
        };
        ttl = (seconds, seconds);
        args = &args[1..];
    }
    let mut cache = Cache {
        zones: stanza.origins(args),
        success_ttl: (ttl.0, 5),
        denial_ttl: (ttl.1, 5),
        servfail_ttl: 5,
        success_off: Vec::new(),
        denial_off: Vec::new(),
        capacity: (9984, 9984),
        prefetch: None,
    };
    let mut warnings = Vec::new();
    for property in &line.lines {
        cache_property(&mut cache, property, &mut warnings)?;
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Cache(cache))
}

fn cache_property(cache: &mut Cache, property: &Line, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    let args = property.args();
    let first = args.first();
    match property.name() {
        name @ ("success" | "denial") => {
            let numbers = args.iter().map(words::integer).collect::<Result<Vec<i64>, Problem>>()?;
            let (capacity, ttl) = match name {
                "success" => (&mut cache.capacity.0, &mut cache.success_ttl),
                _ => (&mut cache.capacity.1, &mut cache.denial_ttl),
            };
            let clamp = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
            *capacity = clamp(*numbers.first().ok_or_else(|| property.arg_error())?);
            if let Some(most) = numbers.get(1) {
                if *most <= 0 {
                    let message = format!("cache TTL can not be zero or negative: {most}");
                    return Err(Problem::plain(args.get(1), message));
                }
                ttl.0 = clamp(*most);
            }
            if let Some(least) = numbers.get(2) {
                if *least < 0 {
                    let message = format!("cache min TTL can not be negative: {least}");
                    return Err(Problem::plain(args.get(2), message));
                }
                ttl.1 = clamp(*least);
            }
        }
        "disable" => {
            let what = first.ok_or_else(|| property.arg_error())?;
            let zones: Vec<Arc<str>> = args[1..].iter().map(|word| normal(&word.text)).collect();
            let zones = if zones.is_empty() { vec![".".into()] } else { zones };
            match &*what.text {
                "success" => cache.success_off = zones,
                "denial" => cache.denial_off = zones,
                other => {
                    return Err(Problem::plain(
                        Some(what),
                        format!("cache type {other:?} must be {:?} or {:?}", "success", "denial"),
                    ));
                }
            }
        }
        "servfail" => {
            let [word] = args else { return Err(property.arg_error()) };
            let nanos = words::duration(word)?;
            let error = |text: &str| Err(Problem::plain(Some(word), text));
            if nanos < 0 {
                return error("invalid negative ttl for servfail");
            }
            if nanos > 300_000_000_000 {
                return error("caching SERVFAIL responses over 5 minutes is not permitted");
            }
            cache.servfail_ttl = (nanos / 1_000_000_000) as u32;
        }
        "prefetch" => cache.prefetch = prefetch(property)?,
        "serve_stale" | "keepttl" => {
            let message = format!("cache: {} is not simulated", property.name());
            warnings.push(Problem::plain(property.words.first(), message));
        }
        _ => return Err(property.arg_error()),
    }
    Ok(())
}

/// `prefetch AMOUNT [DURATION [PERCENTAGE%]]`
fn prefetch(property: &Line) -> Result<Option<Prefetch>, Problem> {
    let args = property.args();
    let (Some(amount), true) = (args.first(), args.len() <= 3) else { return Err(property.arg_error()) };
    let number = words::integer(amount)?;
    if number < 0 {
        return Err(Problem::plain(Some(amount), format!("prefetch amount should be positive: {number}")));
    }
    let within = args.get(1).map_or(Ok(60_000_000_000), words::duration)?;
    let mut percentage = 10;
    if let Some(word) = args.get(2) {
        let Some(digits) = word.text.strip_suffix('%') else {
            let last = word.text.chars().last().unwrap_or(' ');
            let message = format!("last character of percentage should be `%`, but is: {last:?}");
            return Err(Problem::plain(Some(word), message));
        };
        percentage = digits.parse().map_err(|_| property.error(&format!("invalid percentage {digits:?}")))?;
        if !(10..=90).contains(&percentage) {
            let message = format!("percentage should fall in range [10, 90]: {percentage}");
            return Err(Problem::plain(Some(word), message));
        }
    }
    let amount = u32::try_from(number).unwrap_or(u32::MAX);
    Ok((amount > 0).then_some(Prefetch { amount, within: within.max(0) as u64, percentage }))
}

/// `forward FROM TO…`. Models plugin/forward/setup.go parseStanza.
fn forward(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let [from, to @ ..] = line.args() else { return Err(line.arg_error()) };
    if to.is_empty() {
        return Err(line.arg_error());
    }
    let from_zone = words::zones(&from.text).into_iter().next();
    let from_zone =
        from_zone.ok_or_else(|| Problem::plain(Some(from), format!("unable to normalize '{}'", from.text)))?;
    let mut servers = Vec::new();
    let mut warnings = Vec::new();
    for word in to {
        let (transport, address) = word.text.split_once("://").unwrap_or(("dns", &word.text));
        if transport != "dns" {
            let message = format!("forward over {transport} is not simulated: {} will not answer", word.text);
            warnings.push(Problem::plain(Some(word), message));
        }
        let default = if transport == "tls" { 853 } else { 53 };
        if let Ok(ip) = address.parse::<IpAddr>() {
            servers.push((ip, default));
        } else if let Ok(socket) = address.parse::<std::net::SocketAddr>() {
            servers.push((socket.ip(), socket.port()));
        } else if address == "/etc/resolv.conf" {
            servers.extend(stanza.environment.nameservers.iter().map(|ip| (*ip, 53)));
        } else {
            return Err(Problem::plain(Some(word), format!("not an IP address or file: {address:?}")));
        }
    }
    if servers.is_empty() {
        return Err(Problem::plain(to.first(), "no nameservers found"));
    }
    if servers.len() > 15 {
        return Err(Problem::plain(to.last(), format!("more than 15 TOs configured: {}", servers.len())));
    }
    let mut forward = Forward {
        from: from_zone,
        except: Vec::new(),
        to: servers,
        policy: Policy::Random,
        force_tcp: false,
        prefer_udp: false,
        max_fails: 2,
    };
    for property in &line.lines {
        forward_property(&mut forward, property)?;
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Forward(forward))
}

fn forward_property(forward: &mut Forward, property: &Line) -> Result<(), Problem> {
    let args = property.args();
    match property.name() {
        "except" if args.is_empty() => return Err(property.arg_error()),
        "except" => forward.except.extend(args.iter().flat_map(|word| words::zones(&word.text))),
        "max_fails" => {
            let word = args.first().ok_or_else(|| property.arg_error())?;
            let error =
                || Problem::plain(Some(word), format!("strconv.ParseUint: parsing {:?}: invalid syntax", &*word.text));
            forward.max_fails = word.text.parse().map_err(|_| error())?;
        }
        "force_tcp" | "prefer_udp" if !args.is_empty() => return Err(property.arg_error()),
        "force_tcp" => forward.force_tcp = true,
        "prefer_udp" => forward.prefer_udp = true,
        "policy" => {
            let word = args.first().ok_or_else(|| property.arg_error())?;
            forward.policy = match &*word.text {
                "random" => Policy::Random,
                "round_robin" => Policy::RoundRobin,
                "sequential" => Policy::Sequential,
                other => return Err(property.error(&format!("unknown policy '{other}'"))),
            };
        }
        "health_check" | "expire" => drop(words::duration(args.first().ok_or_else(|| property.arg_error())?)?),
        "max_concurrent" => {
            let word = args.first().ok_or_else(|| property.arg_error())?;
            if words::integer(word)? < 0 {
                return Err(Problem::plain(Some(word), format!("max_concurrent can't be negative: {}", word.text)));
            }
        }
        "tls"
        | "tls_servername"
        | "next"
        | "failfast_all_unhealthy_upstreams"
        | "failover"
        | "max_connect_attempts" => {}
        other => return Err(property.error(&format!("unknown property '{other}'"))),
    }
    Ok(())
}
