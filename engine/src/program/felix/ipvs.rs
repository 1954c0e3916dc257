//! With kube-proxy in IPVS mode packets for Services pass INPUT and OUTPUT, not FORWARD: the first notes in the mark which
//! endpoint a packet comes from, and the second asks the policies of both ends. Models felix/rules static.go, dispatch.go
//! and epmark.go.

use super::endpoints::{Dispatch, Endpoint, FROM};
use super::names::{self, ACCEPT, ENDPOINT, NO_ENDPOINT};
use super::rule::{Draft, chain};
use super::statics::{THIS_HOST, TO_HOST_FORWARD, TO_WORKLOAD, WORKLOADS};
use super::{Felix, component};
use crate::net::Protocol;
use crate::tables::netfilter::{Chain, PortRange, SetDirection};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const FORWARD_CHECK: &str = "cali-forward-check";
pub const FORWARD_MARK: &str = "cali-forward-endpoint-mark";
const FROM_MARK: &str = "cali-from-endpoint-mark";
const SET_MARK: Dispatch = Dispatch { root: "cali-set-endpoint-mark", endpoint: "cali-sm-", input: true };

/// KubeNodePortRanges
const NODE_PORTS: PortRange = PortRange { first: 30_000, last: 32_767 };

/// IPVS leads packets past FORWARD.
pub fn draft() -> Draft {
    Draft::new(&component("IPVS leads packets past FORWARD: the mark tells where they come from"))
}

/// Models DefaultEPMarkManager: a number by a hash of the interface's name, or the next that is free.
fn marks(endpoints: &[Endpoint<'_>]) -> Vec<u32> {
    let numbers_count = 1 << ENDPOINT.count_ones();
    let number = |mark: u32| mark >> ENDPOINT.trailing_zeros();
    let mut taken = BTreeMap::from([(number(NO_ENDPOINT), ())]);
    let take = |endpoint: &Endpoint<'_>| {
        // FNV-1
        let fold = |hash: u32, byte: u8| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte);
        let hash = endpoint.interface.bytes().fold(0x811c_9dc5, fold);
        let all = (0..numbers_count).map(|at: u32| hash.wrapping_add(at) % numbers_count);
        let free = all.into_iter().find(|at| *at != 0 && !taken.contains_key(at)).unwrap_or(0);
        taken.insert(free, ());
        free << ENDPOINT.trailing_zeros()
    };
    endpoints.iter().map(take).collect()
}

impl Felix<'_> {
    pub fn ipvs_chains(&self, endpoints: &[Endpoint<'_>]) -> Vec<Arc<Chain>> {
        let marks = marks(endpoints);
        let (mut chains, mut set) = SET_MARK.tree(endpoints, None);
        set.push(draft().comment("Unknown endpoint").input(&WORKLOADS).drop());
        set.push(draft().comment("Non-Cali endpoint mark").set_masked_mark(NO_ENDPOINT, ENDPOINT));
        chains.push(chain(SET_MARK.root, set));
        let mut from = Vec::new();
        for (endpoint, mark) in endpoints.iter().zip(marks) {
            let (origin, interface) = (endpoint.origin(), &endpoint.interface);
            let own = Draft::new(&origin).mark(mark, ENDPOINT);
            from.push(own.goto(names::chain(FROM.endpoint, interface)));
            let own = Draft::new(&origin).set_masked_mark(mark, ENDPOINT);
            chains.push(chain(names::chain(SET_MARK.endpoint, interface), vec![own]));
        }
        from.push(draft().comment("Unknown interface").drop());
        chains.extend([
            chain(FROM_MARK, from),
            chain(FORWARD_CHECK, self.forward_check()),
            chain(FORWARD_MARK, forward_mark()),
        ]);
        chains
    }

    /// What is on its way to a Service is forwarded, in the end.
    fn forward_check(&self) -> Vec<Draft> {
        let this_host = names::set(self.family, THIS_HOST);
        let node_port = |protocol| {
            let to = draft().comment("To kubernetes NodePort service").protocol(protocol);
            to.destination_ports(&[NODE_PORTS]).in_set(&this_host, SetDirection::Dst).goto(SET_MARK.root)
        };
        let elsewhere = draft().comment("To kubernetes service").not_in_set(&this_host, SetDirection::Dst);
        vec![
            draft().known().return_(),
            node_port(Protocol::Tcp),
            node_port(Protocol::Udp),
            elsewhere.jump(SET_MARK.root),
        ]
    }
}

fn forward_mark() -> Vec<Draft> {
    vec![
        draft().not_mark(NO_ENDPOINT, ENDPOINT).jump(FROM_MARK),
        draft().output(&WORKLOADS).jump(TO_WORKLOAD),
        draft().jump(TO_HOST_FORWARD),
        draft().clear_mark(ENDPOINT),
        draft().comment("Policy explicitly accepted packet.").marked(ACCEPT).accept(),
    ]
}
