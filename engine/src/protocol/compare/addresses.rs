//! A line that names Pods by address, for a cluster in which they have others.

use crate::cluster::Revision;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// From the addresses of one cluster's Pods to those that Pods of the same name have in another.
pub struct Addresses(BTreeMap<IpAddr, IpAddr>);

impl Addresses {
    pub fn between(here: &Revision, there: &Revision) -> Addresses {
        let mut found = BTreeMap::new();
        for (key, pod) in &here.pods {
            let Some(other) = there.pods.get(key) else { continue };
            for ip in pod.ips() {
                let same_family = other.ips().find(|other| other.is_ipv4() == ip.is_ipv4());
                if let Some(other) = same_family.filter(|other| *other != ip) {
                    found.insert(ip, other);
                }
            }
        }
        Addresses(found)
    }

    /// The text with every address of a Pod replaced, also with a port behind it; names that look like one stay.
    pub fn translate(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(in_address) {
            out.push_str(&rest[..start]);
            let end = rest[start..].find(|letter| !in_address(letter)).map_or(rest.len(), |len| start + len);
            out.push_str(&self.word(&rest[start..end]));
            rest = &rest[end..];
        }
        out + rest
    }

    fn word(&self, word: &str) -> String {
        let known = |text: &str| text.parse().ok().and_then(|ip: IpAddr| self.0.get(&ip)).map(ToString::to_string);
        if let Some(other) = known(word) {
            return other;
        }
        // `10.244.1.2:80`, and an address at the end of a sentence.
        for separator in [':', '.'] {
            if let Some((ip, after)) = word.rsplit_once(separator)
                && let Some(other) = known(ip)
            {
                return format!("{other}{separator}{after}");
            }
        }
        word.to_owned()
    }
}

fn in_address(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | ':' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_addresses_are_replaced() {
        let pair = |a: &str, b: &str| (a.parse::<IpAddr>().unwrap(), b.parse::<IpAddr>().unwrap());
        let addresses = Addresses([pair("10.244.1.2", "10.0.7.1"), pair("fd00::12", "fd01::1")].into());
        for (text, wanted) in [
            ("ping -c1 10.244.1.2", "ping -c1 10.0.7.1"),
            ("curl http://10.244.1.2:80/x; curl '[fd00::12]:80'", "curl http://10.0.7.1:80/x; curl '[fd01::1]:80'"),
            ("ping 10.244.1.20 && ping 110.244.1.2", "ping 10.244.1.20 && ping 110.244.1.2"),
            ("nslookup 10-244-1-2.default.pod.cluster.local", "nslookup 10-244-1-2.default.pod.cluster.local"),
            ("no reply from 10.244.1.2.", "no reply from 10.0.7.1."),
            ("", ""),
        ] {
            assert_eq!(addresses.translate(text), wanted);
        }
    }
}
