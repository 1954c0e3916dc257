//! From `iptables-save`'s text, or what is fed to `iptables-restore`, to rules. Strict: what is not known is refused.

mod target;

use super::parts::protocol_number;
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{
    AddrType, Chain, CtState, Hook, Match, Policy, PortRange, RecentMode, Rule, Ruleset, SetDirection, TableName,
    Target,
};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What is wrong, and in which line (from 1; 0 for a single rule).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub line: u32,
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads tables; every rule gets this origin.
pub fn parse(family: Family, text: &str, origin: &Origin) -> Result<Ruleset, ParseError> {
    let mut ruleset = Ruleset::default();
    let mut table: Option<TableName> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let fail = |message: String| ParseError { line: number, message };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('*') {
            let found = TableName::ALL.into_iter().find(|table| table.name() == name);
            table = Some(found.ok_or_else(|| fail(format!("there is no table {name:?}")))?);
            continue;
        }
        let Some(name) = table else { return Err(fail("a table's name must come first: `*filter`".to_owned())) };
        if line == "COMMIT" {
            check_targets(&ruleset, name).map_err(fail)?;
            table = None;
        } else if let Some(chain) = line.strip_prefix(':') {
            declare(&mut ruleset, name, chain).map_err(fail)?;
        } else {
            let words = words(line).map_err(fail)?;
            let words = match words.first() {
                Some(counters) if counters.starts_with('[') => &words[1..],
                _ => &words[..],
            };
            let [command, chain, arguments @ ..] = words else {
                return Err(fail(format!("this is no rule: {line:?}")));
            };
            if command != "-A" {
                return Err(fail(format!("{command:?} is not known here: rules begin with -A")));
            }
            if ruleset.table(name).find(chain).is_none() {
                return Err(fail(format!("there is no chain {chain:?} in table {}", name.name())));
            }
            let rule = parse_rule(family, arguments, origin).map_err(fail)?;
            ruleset.table(name).append(chain, rule);
        }
    }
    match table {
        Some(_) => Err(ParseError { line: text.lines().count() as u32, message: "COMMIT is missing".to_owned() }),
        None => Ok(ruleset),
    }
}

/// `NAME POLICY [packets:bytes]`
fn declare(ruleset: &mut Ruleset, name: TableName, line: &str) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let (Some(chain), Some(policy)) = (words.next(), words.next()) else {
        return Err("a chain has a name and a policy".to_owned());
    };
    let table = ruleset.table(name);
    let hook = name.hooks().iter().copied().find(|hook: &Hook| hook.chain() == chain);
    match (hook, policy) {
        (Some(hook), "ACCEPT") => table.set_policy(hook, Policy::Accept),
        (Some(hook), "DROP") => table.set_policy(hook, Policy::Drop),
        (Some(_), _) => return Err(format!("{policy:?} is no policy: ACCEPT or DROP")),
        (None, "-") => table.put(Arc::new(Chain::user(chain))),
        (None, _) => return Err(format!("{chain} is not built in: it has no policy")),
    }
    Ok(())
}

/// Every chain that is jumped to must be there, and none may lead back to itself.
fn check_targets(ruleset: &Ruleset, name: TableName) -> Result<(), String> {
    let Some(table) = ruleset.tables.get(&name) else { return Ok(()) };
    for chain in table.chains() {
        for rule in &chain.rules {
            if let Some(Target::Jump(to) | Target::Goto(to)) = &rule.target
                && table.find(to).is_none()
            {
                return Err(format!("chain {} leads to {to}, which is neither a chain nor a target", chain.name));
            }
        }
    }
    Ok(())
}

/// Words with `"` and `\` as iptables-restore reads them.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if quoted {
        return Err("a quotation mark is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

struct Arguments<'a> {
    words: std::slice::Iter<'a, String>,
    family: Family,
    matches: Vec<Match>,
    target: Option<Target>,
}

/// A rule's arguments, those after `-A CHAIN`.
pub fn parse_rule(family: Family, arguments: &[String], origin: &Origin) -> Result<Rule, String> {
    let mut rest = Arguments { words: arguments.iter(), family, matches: Vec::new(), target: None };
    let mut invert = false;
    while let Some(word) = rest.words.next() {
        if word == "!" {
            invert = true;
            continue;
        }
        rest.option(word, invert)?;
        invert = false;
    }
    Ok(Rule { matches: rest.matches, target: rest.target, origin: origin.clone() })
}

impl Arguments<'_> {
    fn value(&mut self, option: &str) -> Result<&str, String> {
        self.words.next().map(String::as_str).ok_or_else(|| format!("option {option:?} requires an argument"))
    }

    fn option(&mut self, option: &str, mut invert: bool) -> Result<(), String> {
        let has_ports =
            self.matches.iter().any(|part| matches!(part, Match::Transport(_) | Match::Protocol { invert: false, .. }));
        let part = match option {
            "--sport" | "--source-port" | "--dport" | "--destination-port" if !has_ports => {
                return Err(format!("unknown option {option:?}"));
            }
            "-s" | "--source" | "--src" => Match::Source { net: self.net(option)?, invert },
            "-d" | "--destination" | "--dst" => Match::Destination { net: self.net(option)?, invert },
            "-i" | "--in-interface" => Match::InInterface { name: self.value(option)?.into(), invert },
            "-o" | "--out-interface" => Match::OutInterface { name: self.value(option)?.into(), invert },
            "-p" | "--protocol" => match self.value(option)? {
                "tcp" | "6" => Match::Protocol { protocol: Protocol::Tcp, invert },
                "udp" | "17" => Match::Protocol { protocol: Protocol::Udp, invert },
                "sctp" | "132" => Match::Protocol { protocol: Protocol::Sctp, invert },
                "icmp" | "1" | "icmpv6" | "ipv6-icmp" | "58" => Match::IcmpProtocol { invert },
                "all" | "0" => return Ok(()),
                other => {
                    let number = protocol_number(if other == "ipv4" { "ipencap" } else { other });
                    let number = number.ok_or_else(|| format!("unknown protocol {other:?} specified"))?;
                    Match::OtherProtocol { number, invert }
                }
            },
            "-m" | "--match" => match self.value(option)? {
                "comment" => {
                    self.expect("--comment")?;
                    Match::Comment(self.value("--comment")?.into())
                }
                "tcp" => Match::Transport(Protocol::Tcp),
                "udp" => Match::Transport(Protocol::Udp),
                "sctp" => Match::Transport(Protocol::Sctp),
                "icmp" | "icmp6" => return Ok(()),
                "mark" => {
                    invert |= self.expect("--mark")?;
                    let (value, mask) = masked(self.value("--mark")?)?;
                    Match::Mark { value, mask, invert }
                }
                "conntrack" | "state" => {
                    invert |= self.expect("--ctstate")?;
                    let states: Result<_, _> = self.value("--ctstate")?.split(',').map(ct_state).collect();
                    Match::CtState { states: states?, invert }
                }
                "addrtype" => self.addr_type()?,
                "multiport" => self.multiport()?,
                "rpfilter" => self.rpfilter()?,
                "ipvs" => self.ipvs()?,
                "statistic" => self.statistic()?,
                "recent" => self.recent()?,
                "set" => {
                    invert |= self.expect("--match-set")?;
                    let name = self.value("--match-set")?.into();
                    let directions: Result<_, _> = self.value("--match-set")?.split(',').map(direction).collect();
                    Match::Set { name, directions: directions?, invert }
                }
                "nfacct" => {
                    self.expect("--nfacct-name")?;
                    Match::Nfacct(self.value("--nfacct-name")?.into())
                }
                "physdev" => {
                    if self.words.as_slice().first().is_some_and(|word| word == "!") {
                        self.words.next();
                        invert = true;
                    }
                    match self.value("--physdev-is-in")? {
                        "--physdev-is-in" => Match::PhysdevIsIn { invert },
                        "--physdev-is-bridged" => Match::PhysdevIsBridged { invert },
                        other => return Err(format!("physdev: {other:?} is not known here")),
                    }
                }
                other => return Err(format!("couldn't load match {other:?}")),
            },
            "--icmp-type" | "--icmpv6-type" => {
                let text = self.value(option)?;
                let (number, code) = text.split_once('/').map_or((text, None), |(number, code)| (number, Some(code)));
                let read = |text: &str| text.parse().map_err(|_| format!("Invalid ICMP type {text:?}"));
                Match::IcmpType { number: read(number)?, code: code.map(read).transpose()?, invert }
            }
            "--sport" | "--source-port" => Match::SourcePort { ports: ports(self.value(option)?)?, invert },
            "--dport" | "--destination-port" => Match::DestinationPort { ports: ports(self.value(option)?)?, invert },
            "-g" | "--goto" => {
                self.target = Some(Target::Goto(self.value(option)?.into()));
                return Ok(());
            }
            "-j" | "--jump" => {
                self.target = Some(self.target()?);
                return Ok(());
            }
            other => return Err(format!("unknown option {other:?}")),
        };
        self.matches.push(part);
        Ok(())
    }

    /// The next word must be this one, perhaps after `!`: true then.
    fn expect(&mut self, option: &str) -> Result<bool, String> {
        let mut word = self.value(option)?;
        let invert = word == "!";
        if invert {
            word = self.value(option)?;
        }
        if word == option { Ok(invert) } else { Err(format!("{option:?} must come here, not {word:?}")) }
    }

    fn net(&mut self, option: &str) -> Result<IpNet, String> {
        let family = self.family;
        let text = self.value(option)?;
        let net: Option<IpNet> = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let net = net.filter(|net| Family::of(net.addr()) == family);
        net.map(|net| net.trunc()).ok_or_else(|| format!("host/network {text:?} not found"))
    }

    fn addr_type(&mut self) -> Result<Match, String> {
        if self.words.as_slice().first().is_some_and(|word| word == "!") {
            self.expect("--src-type")?;
            let kind = self.kind_of_address()?;
            return Ok(match self.skip("--limit-iface-out") {
                true => Match::SourceTypeNotOut(kind),
                false => Match::SourceTypeNot(kind),
            });
        }
        let (mut source, mut destination) = (None, None);
        while let Some(option @ ("--src-type" | "--dst-type")) = self.words.as_slice().first().map(String::as_str) {
            self.words.next();
            let kind = self.kind_of_address()?;
            if option == "--src-type" { source = Some(kind) } else { destination = Some(kind) }
        }
        match (source, destination) {
            (None, None) => Err("addrtype: --src-type or --dst-type must come here".to_owned()),
            _ => Ok(Match::AddrType { source, destination }),
        }
    }

    /// Whether this word comes next; then it is passed over.
    fn skip(&mut self, word: &str) -> bool {
        let found = self.words.as_slice().first().is_some_and(|next| next == word);
        if found {
            self.words.next();
        }
        found
    }

    fn multiport(&mut self) -> Result<Match, String> {
        let invert = self.skip("!");
        let side = match self.value("--dports")? {
            "--sports" | "--source-ports" => SetDirection::Src,
            "--dports" | "--destination-ports" => SetDirection::Dst,
            other => return Err(format!("multiport: {other:?} is not known here")),
        };
        let list: Result<Vec<PortRange>, _> = self.value("--dports")?.split(',').map(ports).collect();
        let list = list?;
        let slots: usize = list.iter().map(|range| if range.first == range.last { 1 } else { 2 }).sum();
        if slots > 15 {
            return Err("too many ports specified".to_owned());
        }
        Ok(Match::Multiport { side, ports: list, invert })
    }

    fn rpfilter(&mut self) -> Result<Match, String> {
        let mut invert = false;
        while self.words.as_slice().first().is_some_and(|word| matches!(&**word, "--validmark" | "--invert")) {
            invert |= self.value("rpfilter")? == "--invert";
        }
        Ok(Match::RpFilter { invert })
    }

    fn kind_of_address(&mut self) -> Result<AddrType, String> {
        match self.value("--src-type")? {
            "LOCAL" => Ok(AddrType::Local),
            "UNICAST" => Ok(AddrType::Unicast),
            "BROADCAST" => Ok(AddrType::Broadcast),
            "MULTICAST" => Ok(AddrType::Multicast),
            other => Err(format!("bad type {other:?}")),
        }
    }

    fn ipvs(&mut self) -> Result<Match, String> {
        let (mut protocol, mut address, mut port) = (None, None, None);
        while let Some(option @ ("--vproto" | "--vaddr" | "--vport")) =
            self.words.as_slice().first().map(String::as_str)
        {
            self.words.next();
            let text = self.value(option)?;
            let bad = || format!("ipvs: bad value {text:?} of {option}");
            match option {
                "--vproto" => {
                    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
                    let is = |of: &Protocol| of.name().eq_ignore_ascii_case(text) || of.number().to_string() == text;
                    protocol = Some(all.into_iter().find(is).ok_or_else(bad)?);
                }
                "--vaddr" => address = Some(text.parse::<IpAddr>().map_err(|_| bad())?),
                _ => port = Some(text.parse().map_err(|_| bad())?),
            }
        }
        match (protocol, address, port) {
            (Some(protocol), Some(address), Some(port)) => Ok(Match::Ipvs { protocol, address, port }),
            _ => Err("ipvs: --vproto, --vaddr and --vport must come here".to_owned()),
        }
    }

    fn statistic(&mut self) -> Result<Match, String> {
        self.expect("--mode")?;
        match self.value("--mode")? {
            "random" => {}
            other => return Err(format!("statistic: mode {other:?} is not known here")),
        }
        self.expect("--probability")?;
        let text = self.value("--probability")?;
        let probability: Option<f64> = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
        let probability = probability.ok_or_else(|| format!("bad probability {text:?}"))?;
        Ok(Match::Probability((probability * f64::from(1_u32 << 31)).round() as u32))
    }

    fn recent(&mut self) -> Result<Match, String> {
        let (mut name, mut set, mut check, mut seconds): (Arc<str>, _, _, _) = ("DEFAULT".into(), false, false, None);
        while let Some(option) = self.words.as_slice().first().map(String::as_str) {
            match option {
                "--set" => set = true,
                "--rcheck" => check = true,
                "--reap" | "--rsource" => {}
                "--name" | "--seconds" | "--mask" => {}
                _ => break,
            }
            self.words.next();
            match option {
                "--name" => name = self.value(option)?.into(),
                "--mask" => drop(self.value(option)?),
                "--seconds" => {
                    let text = self.value(option)?;
                    seconds = Some(text.parse().map_err(|_| format!("bad number of seconds {text:?}"))?);
                }
                _ => {}
            }
        }
        match (set, check, seconds) {
            (true, false, None) => Ok(Match::Recent { name, mode: RecentMode::Set }),
            (false, true, Some(seconds)) => Ok(Match::Recent { name, mode: RecentMode::Check { seconds } }),
            _ => Err("recent: --set, or --rcheck with --seconds".to_owned()),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn masked(text: &str) -> Result<(u32, u32), String> {
    let (value, mask) = text.split_once('/').map_or((text, None), |(value, mask)| (value, Some(mask)));
    let mask = mask.map_or(Some(u32::MAX), number);
    number(value).zip(mask).ok_or_else(|| format!("bad mark {text:?}"))
}

fn ports(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let port = |text: &str, or: u16| if text.is_empty() { Some(or) } else { text.parse().ok() };
    let range = port(first, 0).zip(port(last, u16::MAX)).filter(|(first, last)| first <= last);
    let range = range.map(|(first, last)| PortRange { first, last });
    range.ok_or_else(|| format!("invalid port/service {text:?} specified"))
}

fn ct_state(text: &str) -> Result<CtState, String> {
    Ok(match text {
        "INVALID" => CtState::Invalid,
        "NEW" => CtState::New,
        "RELATED" => CtState::Related,
        "ESTABLISHED" => CtState::Established,
        "UNTRACKED" => CtState::Untracked,
        "SNAT" => CtState::Snat,
        "DNAT" => CtState::Dnat,
        other => return Err(format!("bad ctstate {other:?}")),
    })
}

fn direction(text: &str) -> Result<SetDirection, String> {
    match text {
        "src" => Ok(SetDirection::Src),
        "dst" => Ok(SetDirection::Dst),
        other => Err(format!("bad set direction {other:?}: src or dst")),
    }
}
