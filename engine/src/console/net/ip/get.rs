//! `ip route get`: which row a packet would take, found as the walk finds it.
//!
//! Models iproute2 ip/iproute.c iproute_get and the kernel's inet_rtm_getroute.

use super::{Ip, Problem};
use crate::console::net::path;
use crate::tables::{LinkIndex, Netns, RouteKind, RouteProto};
use std::fmt::Write;
use std::net::IpAddr;

/// What is asked.
struct Question<'w> {
    to: IpAddr,
    from: Option<IpAddr>,
    /// A packet that came in on this device, to be forwarded.
    iif: Option<&'w str>,
    oif: Option<LinkIndex>,
}

/// What the kernel answers.
struct Answer {
    kind: RouteKind,
    via: Option<IpAddr>,
    dev: String,
    src: Option<IpAddr>,
    /// Seconds that it stays valid, and the path MTU in bytes.
    path_mtu: Option<u16>,
    /// IPv6: the row's protocol and metric.
    v6: Option<(RouteProto, u32)>,
}

impl Ip<'_, '_, '_> {
    pub(super) fn route_get(&mut self, words: &[&str]) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let question = self.question(&netns, words)?;
        let answer = self.answer(&netns, &question)?;
        let text = if self.format.json { json(&question, &answer) } else { self.text(&question, &answer) };
        self.io.out(&text);
        Ok(0)
    }

    fn question<'w>(&self, netns: &Netns, words: &[&'w str]) -> Result<Question<'w>, Problem> {
        let busybox = self.busybox();
        let missing = || {
            let text = if busybox {
                "ip: need at least destination address\n"
            } else {
                "need at least a destination address\n"
            };
            (text.to_owned(), 1)
        };
        let address = |text: &str| {
            let ip = text.split('/').next().unwrap_or_default().parse::<IpAddr>();
            ip.map_err(|_| if busybox { missing() } else { self.bad_prefix(text) })
        };
        let (mut to, mut from, mut iif, mut oif) = (None, None, None, None);
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "from" => from = Some(address(value()?)?),
                "iif" => iif = Some(value()?),
                "dev" | "oif" => oif = Some(self.device(netns, value()?)?),
                "to" => to = Some(address(value()?)?),
                "tos" | "dsfield" | "uid" | "mark" | "ipproto" | "sport" | "dport" => _ = value()?,
                "fibmatch" | "connected" | "notify" => {}
                text => to = Some(address(text)?),
            }
        }
        if let Some(name) = iif {
            self.device(netns, name)?;
        }
        Ok(Question { to: to.ok_or_else(missing)?, from, iif, oif })
    }

    fn answer(&self, netns: &Netns, question: &Question) -> Result<Answer, Problem> {
        let refused = |errno: &str| {
            let prefix = if self.busybox() { "ip: " } else { "" };
            (format!("{prefix}RTNETLINK answers: {errno}\n"), 2)
        };
        let Question { to, from, iif, oif } = *question;
        if from.is_some_and(|from| iif.is_none() && !netns.is_local(from)) {
            return Err(refused("Invalid argument"));
        }
        let routed =
            path::route(netns, to).filter(|route| oif.is_none_or(|oif| oif == route.dev || route.kind.is_local()));
        let route = match routed {
            // A device alone is a route of its own: the destination is taken to be on its link.
            None if oif.is_some() && netns.main.lookup(to).is_none() => return Err(refused("Network is unreachable")),
            None => return Err(refused("Network is unreachable")),
            Some(route) => route,
        };
        let local = route.kind.is_local();
        match iif {
            _ if route.kind == RouteKind::Blackhole => return Err(refused("Invalid argument")),
            Some(name) if !local && name != "lo" && !netns.forwards(to) => {
                return Err(refused("No route to host"));
            }
            _ => {}
        }
        let dev = if local { LinkIndex::LO } else { route.dev };
        let link = netns.link(dev).filter(|link| link.up).ok_or_else(|| refused("Network is unreachable"))?;
        let state = self.machine.world.state(netns.id);
        let path_mtu = state.and_then(|state| state.pmtu(to, self.machine.world.now())).filter(|_| !local);
        let v6 = to.is_ipv6().then(|| (route.proto, crate::tables::text::route::metric(route)));
        let src = if v6.is_none() && (iif.is_some() || from.is_some()) { None } else { path::source(netns, route, to) };
        Ok(Answer { kind: route.kind, via: route.via, dev: link.name.to_string(), src, path_mtu, v6 })
    }

    fn text(&self, question: &Question, answer: &Answer) -> String {
        let mut text = String::new();
        let kind = kind_name(answer.kind);
        if answer.kind != RouteKind::Unicast || self.format.details {
            let _ = write!(text, "{kind} ");
        }
        let _ = write!(text, "{} ", question.to);
        match question.from {
            Some(from) => _ = write!(text, "from {from} "),
            None if answer.v6.is_some() && !self.busybox() => text.push_str("from :: "),
            None => {}
        }
        if let Some(via) = answer.via {
            let _ = write!(text, "via {via} ");
        }
        let _ = write!(text, "dev {} ", answer.dev);
        if let Some((proto, metric)) = answer.v6.filter(|_| !self.busybox()) {
            return text + &self.text_v6(question, answer, proto, metric);
        }
        if self.format.details {
            let _ = write!(text, "table {} ", if answer.kind == RouteKind::Unicast { "main" } else { "local" });
        }
        if self.busybox() {
            if let Some(src) = answer.src {
                let _ = write!(text, " src {src} ");
            }
            return text + "\n";
        }
        if let Some(src) = answer.src {
            let _ = write!(text, "src {src} ");
        }
        if question.iif.is_none() {
            text.push_str("uid 0 ");
        }
        text.push_str(if self.format.oneline { "\\    cache " } else { "\n    cache " });
        let flags = cache_flags(answer.kind);
        if !flags.is_empty() {
            let _ = write!(text, "<{}> ", flags.join(","));
        }
        if let Some(mtu) = answer.path_mtu {
            let _ = write!(text, "expires 600sec mtu {mtu} ");
        }
        if let Some(iif) = question.iif {
            let _ = write!(text, "iif {iif} ");
        }
        text + "\n"
    }
}

impl Ip<'_, '_, '_> {
    /// What follows the device: of IPv6 the kernel tells the row itself.
    fn text_v6(&self, question: &Question, answer: &Answer, proto: RouteProto, metric: u32) -> String {
        let mut text = String::new();
        let (details, local) = (self.format.details, answer.kind != RouteKind::Unicast);
        if local || details {
            text.push_str(if local { "table local " } else { "table main " });
        }
        if proto != RouteProto::Boot || details {
            let _ = write!(text, "proto {} ", crate::tables::text::route::proto_name(proto));
        }
        if details {
            text.push_str("scope global ");
        }
        if let Some(src) = answer.src {
            let _ = write!(text, "src {src} ");
        }
        let _ = write!(text, "metric {metric} ");
        if let Some(mtu) = answer.path_mtu {
            let _ = write!(text, "expires 600sec mtu {mtu} ");
        }
        if let Some(iif) = question.iif {
            let _ = write!(text, "iif {iif} ");
        }
        text + "pref medium\n"
    }
}

fn cache_flags(kind: RouteKind) -> &'static [&'static str] {
    match kind {
        RouteKind::Local => &["local"],
        RouteKind::Broadcast => &["local", "brd"],
        _ => &[],
    }
}

fn kind_name(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Unicast => "unicast",
        RouteKind::Local => "local",
        RouteKind::Broadcast => "broadcast",
        RouteKind::Multicast => "multicast",
        RouteKind::Anycast => "anycast",
        RouteKind::Blackhole => "blackhole",
    }
}

fn json(question: &Question, answer: &Answer) -> String {
    let mut text = String::from("[{");
    if answer.kind != RouteKind::Unicast {
        let _ = write!(text, "\"type\":\"{}\",", kind_name(answer.kind));
    }
    let _ = write!(text, "\"dst\":\"{}\",", question.to);
    if let Some(from) = question.from {
        let _ = write!(text, "\"from\":\"{from}\",");
    }
    if let Some(via) = answer.via {
        let _ = write!(text, "\"gateway\":\"{via}\",");
    }
    let _ = write!(text, "\"dev\":\"{}\",", answer.dev);
    if let Some(src) = answer.src {
        let _ = write!(text, "\"prefsrc\":\"{src}\",");
    }
    text.push_str("\"flags\":[],");
    if question.iif.is_none() {
        text.push_str("\"uid\":0,");
    }
    let flags: Vec<String> = cache_flags(answer.kind).iter().map(|flag| format!("\"{flag}\"")).collect();
    let _ = write!(text, "\"cache\":[{}]", flags.join(","));
    if let Some(mtu) = answer.path_mtu {
        let _ = write!(text, ",\"expires\":600,\"metrics\":[{{\"mtu\":{mtu}}}]");
    }
    if let Some(iif) = question.iif {
        let _ = write!(text, ",\"iif\":\"{iif}\"");
    }
    text + "}]\n"
}
