//! `/etc/resolv.conf` (resolv.conf(5)), read within the C library's limits.

use super::name;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// MAXNS
const SERVERS_MAX: usize = 3;
/// Most search domains that are kept here; glibc 2.26 has no limit, musl one of 256 bytes.
const SEARCH_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    pub servers: Vec<IpAddr>,
    /// Without dots at their ends.
    pub search: Vec<Arc<str>>,
    /// At most 15.
    pub ndots: u32,
    /// In seconds.
    pub timeout: u32,
    pub attempts: u32,
    pub rotate: bool,
    pub use_vc: bool,
    pub single_request: bool,
    pub edns0: bool,
    pub no_aaaa: bool,
}

impl Default for ResolvConf {
    fn default() -> ResolvConf {
        ResolvConf {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: 5,
            attempts: 2,
            rotate: false,
            use_vc: false,
            single_request: false,
            edns0: false,
            no_aaaa: false,
        }
    }
}

impl ResolvConf {
    /// Reads any text; what makes no sense is passed over, as the C library does. Without a server it is this host.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines() {
            // A keyword stands at the very beginning of its line.
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            if line.starts_with([' ', '\t', '#', ';']) {
                continue;
            }
            match words.next() {
                Some("nameserver") => {
                    let ip = words.next().and_then(|ip| ip.split('%').next()?.parse::<IpAddr>().ok());
                    if conf.servers.len() < SERVERS_MAX {
                        conf.servers.extend(ip);
                    }
                }
                // The last of both counts.
                Some("search") => {
                    let domains = words.take_while(|word| !word.starts_with(['#', ';']));
                    let domains = domains.map(|word| word.trim_end_matches('.'));
                    let valid = domains.filter(|domain| name::is_valid(domain) && !domain.is_empty());
                    conf.search = valid.take(SEARCH_MAX).map(Arc::from).collect();
                }
                Some("domain") => {
                    let domain = words.next().map(|word| word.trim_end_matches('.'));
                    conf.search = domain.filter(|domain| name::is_valid(domain)).map(Arc::from).into_iter().collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let (option, value) = word.split_once(':').map_or((word, None), |(option, value)| (option, Some(value)));
        let number = || value.and_then(|value| value.parse::<u32>().ok());
        match option {
            "ndots" => self.ndots = number().unwrap_or(self.ndots).min(15),
            "timeout" => self.timeout = number().unwrap_or(self.timeout).clamp(1, 30),
            "attempts" => self.attempts = number().unwrap_or(self.attempts).clamp(1, 5),
            "rotate" => self.rotate = true,
            "use-vc" => self.use_vc = true,
            "single-request" | "single-request-reopen" => self.single_request = true,
            "edns0" => self.edns0 = true,
            "no-aaaa" => self.no_aaaa = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_c_library() {
        let text = "# c\nnameserver 10.96.0.10\nsearch a.b. c\nsearch d\noptions ndots:50 timeout:99 attempts:0 rotate\n nameserver \
                    1.1.1.1\nnameserver x\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["10.96.0.10".parse::<IpAddr>().unwrap()]);
        assert_eq!(conf.search, [Arc::<str>::from("d")]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts, conf.rotate), (15, 30, 1, true));
        assert_eq!(ResolvConf::parse("").servers, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        let many = "nameserver 1.1.1.1\n".repeat(5);
        assert_eq!(ResolvConf::parse(&many).servers.len(), 3);
    }
}
