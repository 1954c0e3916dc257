//! Targets: what follows `-j` and `-g`.

use super::{Arguments, masked};
use crate::net::Family;
use crate::tables::netfilter::{NatRange, RejectWith, Target};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

impl Arguments<'_> {
    pub(super) fn target(&mut self) -> Result<Target, String> {
        Ok(match self.value("-j")? {
            "ACCEPT" => Target::Accept,
            "DROP" => Target::Drop,
            "RETURN" => Target::Return,
            "REJECT" => Target::Reject(self.reject()?),
            "MARK" => self.mark()?,
            "DNAT" => Target::Dnat(self.nat("--to-destination")?),
            "SNAT" => Target::Snat(self.nat("--to-source")?),
            "MASQUERADE" => Target::Masquerade { random_fully: self.fully() },
            "CT" => {
                self.expect("--notrack")?;
                Target::Notrack
            }
            "NOTRACK" => Target::Notrack,
            "LOG" => self.log()?,
            chain => Target::Jump(chain.into()),
        })
    }

    fn fully(&mut self) -> bool {
        self.skip("--random-fully")
    }

    fn log(&mut self) -> Result<Target, String> {
        let (mut prefix, mut level): (Arc<str>, u8) = ("".into(), 4);
        loop {
            if self.skip("--log-prefix") {
                prefix = self.value("--log-prefix")?.into();
            } else if self.skip("--log-level") {
                let text = self.value("--log-level")?;
                let known = text.parse().ok().filter(|level| *level < 8);
                level = known.ok_or_else(|| format!("log-level {text:?} unknown"))?;
            } else {
                return Ok(Target::Log { prefix, level });
            }
        }
    }

    fn reject(&mut self) -> Result<RejectWith, String> {
        if self.words.as_slice().first().is_none_or(|word| word != "--reject-with") {
            return Ok(RejectWith::default());
        }
        self.words.next();
        Ok(match self.value("--reject-with")? {
            "icmp-port-unreachable" | "port-unreach" | "icmp6-port-unreachable" => RejectWith::PortUnreachable,
            "icmp-host-unreachable" | "host-unreach" | "icmp6-addr-unreachable" => RejectWith::HostUnreachable,
            "icmp-net-unreachable" | "net-unreach" | "icmp6-no-route" => RejectWith::NetUnreachable,
            "icmp-proto-unreachable" | "proto-unreach" => RejectWith::ProtocolUnreachable,
            "icmp-admin-prohibited" | "admin-prohib" | "icmp6-adm-prohibited" => RejectWith::AdminProhibited,
            "tcp-reset" | "tcp-rst" => RejectWith::TcpReset,
            other => return Err(format!("unknown reject type {other:?}")),
        })
    }

    fn mark(&mut self) -> Result<Target, String> {
        let option = self.value("-j MARK")?.to_owned();
        let (value, mask) = masked(self.value(&option)?)?;
        Ok(match option.as_str() {
            "--set-xmark" => Target::Mark { value, mask },
            "--set-mark" => Target::Mark { value, mask: mask | value },
            "--or-mark" => Target::Mark { value, mask: value },
            "--xor-mark" => Target::Mark { value, mask: 0 },
            "--and-mark" => Target::Mark { value: 0, mask: !value },
            other => return Err(format!("MARK: unknown option {other:?}")),
        })
    }

    fn nat(&mut self, option: &str) -> Result<NatRange, String> {
        self.expect(option)?;
        let family = self.family;
        let text = self.value(option)?.to_owned();
        let end = text.parse::<SocketAddr>().map(|end| (end.ip(), Some(end.port())));
        let end = end.or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, None)));
        let (ip, port) =
            end.ok().filter(|(ip, _)| Family::of(*ip) == family).ok_or_else(|| format!("bad address {text:?}"))?;
        Ok(NatRange { ip, port, random_fully: self.fully() })
    }
}
