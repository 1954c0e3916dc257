//! Networks of policies: each has an identity of its own on every node. Models pkg/ip RemoveCIDRs and
//! pkg/identity/cache local allocation.

use crate::tables::Origin;
use crate::tables::ebpf::Identity;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most networks that one block with its exceptions comes to.
const PIECES_MAX: usize = 4_096;

/// Networks in the order in which they were met.
#[derive(Debug, Default)]
pub struct Cidrs {
    numbers: BTreeMap<(Ipv4Addr, u8), (Identity, Origin)>,
}

impl Cidrs {
    /// The whole of IPv4 is the world, which has its number.
    pub fn insert(&mut self, net: Ipv4Net, origin: &Origin) {
        let next = Identity(Identity::LOCAL + 1 + self.numbers.len() as u32);
        if net.prefix_len() > 0 {
            self.numbers.entry((net.network(), net.prefix_len())).or_insert_with(|| (next, origin.clone()));
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Ipv4Net, Identity, &Origin)> {
        self.numbers.iter().map(|((ip, len), (identity, origin))| (Ipv4Net::new_assert(*ip, *len), *identity, origin))
    }

    /// The identities of all networks within one, and the world if it is everything.
    pub fn within(&self, net: Ipv4Net) -> impl Iterator<Item = Identity> {
        let world = (net.prefix_len() == 0).then_some(Identity::WORLD);
        let range = self.numbers.range((net.network(), 0)..=(net.broadcast(), 32));
        let inside = range.filter(move |((_, len), _)| *len >= net.prefix_len());
        world.into_iter().chain(inside.map(|(_, (identity, _))| *identity))
    }
}

/// What is left of a network without its exceptions, as the fewest networks.
pub fn without(net: Ipv4Net, except: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let mut left = vec![net.trunc()];
    for hole in except {
        left = left.into_iter().flat_map(|piece| cut(piece, *hole)).take(PIECES_MAX).collect();
    }
    left
}

fn cut(piece: Ipv4Net, hole: Ipv4Net) -> Vec<Ipv4Net> {
    if hole.contains(&piece) {
        return Vec::new();
    }
    if !piece.contains(&hole) {
        return vec![piece];
    }
    let mut left = Vec::new();
    let mut around = piece;
    while around.prefix_len() < hole.prefix_len() {
        let Ok(mut halves) = around.subnets(around.prefix_len() + 1) else { break };
        let (Some(low), Some(high)) = (halves.next(), halves.next()) else { break };
        let (inside, outside) = if low.contains(&hole) { (low, high) } else { (high, low) };
        left.push(outside);
        around = inside;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_cut_out() {
        let net = |text: &str| text.parse::<Ipv4Net>().expect("a prefix");
        let left = without(net("10.0.0.0/22"), &[net("10.0.1.0/24")]);
        assert_eq!(left, [net("10.0.2.0/23"), net("10.0.0.0/24")]);
        assert_eq!(without(net("10.0.0.0/24"), &[net("10.0.0.0/16")]), []);
        assert_eq!(without(net("10.0.0.0/24"), &[net("10.1.0.0/16")]), [net("10.0.0.0/24")]);
        let all = without(net("0.0.0.0/0"), &[net("10.0.0.7/32")]);
        assert_eq!(all.len(), 32);
        assert!(all.iter().all(|piece| !piece.contains(&Ipv4Addr::new(10, 0, 0, 7))));
    }

    #[test]
    fn a_network_has_the_identities_within_it() {
        let net = |text: &str| text.parse::<Ipv4Net>().expect("a prefix");
        let mut cidrs = Cidrs::default();
        for text in ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/0", "10.1.0.0/16"] {
            cidrs.insert(net(text), &Origin::Kernel);
        }
        let within = |text: &str| cidrs.within(net(text)).map(|identity| identity.0).collect::<Vec<_>>();
        assert_eq!(within("10.0.0.0/8"), [16_777_217, 16_777_218]);
        assert_eq!(within("10.1.0.0/16"), [16_777_218]);
        assert_eq!(within("0.0.0.0/0"), [2, 16_777_217, 16_777_218, 16_777_219]);
    }
}
