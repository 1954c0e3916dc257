//! The chains that every node has, whatever its Pods. Models felix/rules static.go and nat.go, and setUpIptablesNormal of
//! felix/dataplane/linux/int_dataplane.go.

use super::ipvs;
use super::names::{self, ACCEPT, ALL, ENDPOINT, SCRATCH0};
use super::rule::{Draft, chain};
use super::{Felix, VXLAN_PORT, component};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{Chain, CtState, SetDirection, TableName};
use std::sync::{Arc, LazyLock};

/// Every Pod's interface.
pub static WORKLOADS: LazyLock<Arc<str>> = LazyLock::new(|| "cali+".into());

pub const MASQ_POOLS: &str = "masq-ipam-pools";
pub const ALL_POOLS: &str = "all-ipam-pools";
pub const THIS_HOST: &str = "this-host";
pub const VXLAN_HOSTS: &str = "all-vxlan-net";
pub const ALL_HOSTS: &str = "all-hosts-net";
pub const DSCP: &str = "dscp-src-net";

const TO_HOST: &str = "cali-to-host-endpoint";
const FROM_HOST: &str = "cali-from-host-endpoint";
pub const TO_HOST_FORWARD: &str = "cali-to-hep-forward";
const FROM_HOST_FORWARD: &str = "cali-from-hep-forward";
const WORKLOAD_TO_HOST: &str = "cali-wl-to-host";
pub const FROM_WORKLOAD: &str = "cali-from-wl-dispatch";
pub const TO_WORKLOAD: &str = "cali-to-wl-dispatch";

/// ICMPv6 that every node must get from its Pods: listener reports, router solicitations, neighbour discovery.
const ICMP_V6: [u8; 6] = [130, 131, 132, 133, 135, 136];

/// Where a rule stands in a chain of the kernel's.
pub struct Hooked {
    pub table: TableName,
    pub chain: &'static str,
    pub drafts: Vec<Draft>,
    /// After all that is there, not before.
    pub last: bool,
}

/// Rules of which no object is the cause.
fn draft(reason: &'static str) -> Draft {
    Draft::new(&component(reason))
}

/// The ways from the kernel's chains to Felix's. Masquerading comes last, so that kube-proxy's own goes first and takes its
/// mark off.
pub fn hooked() -> Vec<Hooked> {
    let jump = |table, chain: &'static str| Hooked {
        table,
        chain,
        drafts: vec![draft("Felix's chains come first in the kernel's").jump(format!("cali-{chain}"))],
        last: table == TableName::Nat && chain == "POSTROUTING",
    };
    let accepted = "what policies have let through goes on, whatever other rules say";
    let forwarded = vec![
        draft(accepted).comment("Policy explicitly accepted packet.").marked(ACCEPT).accept(),
        draft("what is forwarded is not the host's own").set_mark(ACCEPT),
    ];
    vec![
        jump(TableName::Raw, "PREROUTING"),
        jump(TableName::Raw, "OUTPUT"),
        jump(TableName::Mangle, "PREROUTING"),
        jump(TableName::Mangle, "POSTROUTING"),
        jump(TableName::Filter, "INPUT"),
        jump(TableName::Filter, "FORWARD"),
        jump(TableName::Filter, "OUTPUT"),
        Hooked { table: TableName::Filter, chain: "FORWARD", drafts: forwarded, last: true },
        jump(TableName::Nat, "PREROUTING"),
        jump(TableName::Nat, "OUTPUT"),
        jump(TableName::Nat, "POSTROUTING"),
    ]
}

impl Felix<'_> {
    /// The static chains of a table. Those of host endpoints are empty, as there are none.
    pub fn static_chains(&self, table: TableName) -> Vec<Arc<Chain>> {
        let empty = |name: &str| chain(name, Vec::new());
        match table {
            TableName::Raw => vec![
                chain("cali-PREROUTING", self.raw_prerouting()),
                chain("cali-OUTPUT", self.raw_output()),
                empty("cali-rpf-skip"),
                empty(FROM_HOST),
                empty(TO_HOST),
            ],
            TableName::Mangle => vec![
                chain("cali-PREROUTING", mangle_prerouting()),
                chain("cali-POSTROUTING", self.mangle_postrouting()),
                empty("cali-egress-dscp"),
                empty(FROM_HOST),
                empty(TO_HOST),
            ],
            TableName::Filter => vec![
                chain("cali-INPUT", self.filter_input()),
                chain("cali-FORWARD", filter_forward()),
                chain("cali-OUTPUT", self.filter_output()),
                chain(WORKLOAD_TO_HOST, self.workload_to_host()),
                empty("cali-cidr-block"),
                empty(FROM_HOST),
                empty(TO_HOST),
                empty(FROM_HOST_FORWARD),
                empty(TO_HOST_FORWARD),
            ],
            TableName::Nat => vec![
                chain("cali-PREROUTING", vec![draft(FLOATING).jump("cali-fip-dnat")]),
                chain("cali-OUTPUT", vec![draft(FLOATING).jump("cali-fip-dnat")]),
                chain("cali-POSTROUTING", self.nat_postrouting()),
                chain("cali-nat-outgoing", self.nat_outgoing()),
                empty("cali-fip-dnat"),
                empty("cali-fip-snat"),
            ],
        }
    }

    fn set(&self, id: &str) -> Arc<str> {
        names::set(self.family, id)
    }

    /// The tunnel's packets are not tracked: they have another source port in each direction.
    fn untracked(&self) -> Option<Draft> {
        let tunnel = Draft::new(self.vxlan.as_ref()?);
        Some(tunnel.protocol(Protocol::Udp).destination_port(Protocol::Udp, VXLAN_PORT).notrack())
    }

    fn raw_prerouting(&self) -> Vec<Draft> {
        let mut drafts = vec![draft(CLEARED).clear_mark(ALL)];
        drafts.extend(self.untracked());
        drafts.extend([
            draft("what comes from a Pod is marked").input(&WORKLOADS).set_mark(SCRATCH0),
            draft("Pods that may send with other sources").marked(SCRATCH0).jump("cali-rpf-skip"),
            draft("Pods send with their own addresses only").marked(SCRATCH0).no_way_back().drop(),
            draft(HOST_ENDPOINTS).mark_clear(SCRATCH0).jump(FROM_HOST),
            draft(HOST_ENDPOINTS).marked(ACCEPT).accept(),
        ]);
        drafts
    }

    fn raw_output(&self) -> Vec<Draft> {
        let mut drafts = vec![draft(CLEARED).clear_mark(ALL), draft(HOST_ENDPOINTS).jump(TO_HOST)];
        drafts.extend(self.untracked());
        drafts.push(draft(HOST_ENDPOINTS).marked(ACCEPT).accept());
        drafts
    }

    fn mangle_postrouting(&self) -> Vec<Draft> {
        let leaving = draft("Pods whose packets get a DSCP when they leave the cluster")
            .comment("set dscp for traffic leaving cluster.")
            .in_set(&self.set(DSCP), SetDirection::Src)
            .not_in_set(&self.set(ALL_POOLS), SetDirection::Dst)
            .not_in_set(&self.set(THIS_HOST), SetDirection::Dst);
        let mut drafts =
            vec![leaving.jump("cali-egress-dscp"), draft("forwarded, not the host's own").marked(ACCEPT).return_()];
        if self.ipvs {
            drafts.push(ipvs::draft().mark_not_clear(ENDPOINT).return_());
        }
        drafts.extend([
            draft(CLEARED).clear_mark(ALL),
            draft(HOST_ENDPOINTS).ct_state(&[CtState::Dnat], "DNAT").jump(TO_HOST),
            draft(HOST_ENDPOINTS).comment(HOST_ACCEPTED).marked(ACCEPT).return_(),
        ]);
        drafts
    }

    fn filter_input(&self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        if let Some(origin) = &self.ipip {
            let tunnel = |title: &str| Draft::new(origin).comment(title).ip_in_ip();
            let hosts = tunnel("Allow IPIP packets from Calico hosts");
            drafts.push(hosts.in_set(&self.set(ALL_HOSTS), SetDirection::Src).destination_local().accept());
            drafts.push(tunnel("Drop IPIP packets from non-Calico hosts").drop());
        }
        if let Some(origin) = &self.vxlan {
            let v = self.version();
            let tunnel = |title: String| {
                let draft = Draft::new(origin).comment(&title).protocol_number(Protocol::Udp);
                draft.destination_ports(&[VXLAN_PORT.into()])
            };
            let hosts = tunnel(format!("Allow {v} VXLAN packets from allowed hosts"));
            let others = tunnel(format!("Drop {v} VXLAN packets from non-allowed hosts"));
            drafts.push(hosts.in_set(&self.set(VXLAN_HOSTS), SetDirection::Src).destination_local().accept());
            drafts.push(others.destination_local().drop());
        }
        if self.ipvs {
            drafts.extend([
                ipvs::draft().clear_mark(ENDPOINT),
                ipvs::draft().jump(ipvs::FORWARD_CHECK),
                ipvs::draft().mark_not_clear(ENDPOINT).return_(),
            ]);
        }
        drafts.extend([
            draft("what Pods send to their node").input(&WORKLOADS).goto(WORKLOAD_TO_HOST),
            draft(HOST_ENDPOINTS).marked(ACCEPT).accept(),
            draft(CLEARED).clear_mark(ALL),
            draft(HOST_ENDPOINTS).jump(FROM_HOST),
            draft(HOST_ENDPOINTS).comment(HOST_ACCEPTED).marked(ACCEPT).accept(),
        ]);
        drafts
    }

    fn workload_to_host(&self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        if self.family == Family::V6 {
            let neighbours = |number| draft("neighbour discovery is always allowed").icmp_v6(number).accept();
            drafts.extend(ICMP_V6.into_iter().map(neighbours));
        }
        let configured = draft("the operator sets DefaultEndpointToHostAction to ACCEPT");
        drafts.extend([
            draft("egress policies hold for the way to the node, too").jump(FROM_WORKLOAD),
            configured.comment("Configured DefaultEndpointToHostAction").accept(),
        ]);
        drafts
    }

    fn filter_output(&self) -> Vec<Draft> {
        let mut drafts = vec![draft(HOST_ENDPOINTS).marked(ACCEPT).accept()];
        if self.ipvs {
            drafts.push(ipvs::draft().mark_not_clear(ENDPOINT).goto(ipvs::FORWARD_MARK));
        }
        drafts.push(draft("a node may always reach its own Pods").output(&WORKLOADS).return_());
        if let Some(origin) = &self.ipip {
            let tunnel = Draft::new(origin).comment("Allow IPIP packets to other Calico hosts").ip_in_ip();
            drafts.push(tunnel.in_set(&self.set(ALL_HOSTS), SetDirection::Dst).source_local().accept());
        }
        if let Some(origin) = &self.vxlan {
            let title = format!("Allow {} VXLAN packets to other allowed hosts", self.version());
            let tunnel = Draft::new(origin).comment(&title).protocol_number(Protocol::Udp);
            let tunnel = tunnel.destination_ports(&[VXLAN_PORT.into()]).source_local();
            drafts.push(tunnel.in_set(&self.set(VXLAN_HOSTS), SetDirection::Dst).accept());
        }
        drafts.extend([
            draft(CLEARED).clear_mark(ALL),
            draft(HOST_ENDPOINTS).not_dnat().jump(TO_HOST),
            draft(HOST_ENDPOINTS).comment(HOST_ACCEPTED).marked(ACCEPT).accept(),
        ]);
        drafts
    }

    /// Models StaticNATPostroutingChains: what goes into the tunnel with another of the node's addresses gets the tunnel's.
    fn nat_postrouting(&self) -> Vec<Draft> {
        let mut drafts = vec![
            draft(FLOATING).jump("cali-fip-snat"),
            draft("pools with natOutgoing are masqueraded").jump("cali-nat-outgoing"),
        ];
        if let (Some(origin), Some(device)) = (self.ipip.as_ref().or(self.vxlan.as_ref()), &self.tunnel) {
            let own = Draft::new(origin).output(device).source_not_local_of_output().source_local();
            drafts.push(own.masquerade());
        }
        drafts
    }

    fn nat_outgoing(&self) -> Vec<Draft> {
        let pool = self.pools().find(|pool| pool.nat_outgoing);
        let rule = |origin: &Origin| {
            let draft = Draft::new(origin).in_set(&self.set(MASQ_POOLS), SetDirection::Src);
            draft.not_in_set(&self.set(ALL_POOLS), SetDirection::Dst).masquerade()
        };
        pool.map(|pool| rule(&pool.origin)).into_iter().collect()
    }

    fn version(&self) -> &'static str {
        if self.family == Family::V4 { "IPv4" } else { "IPv6" }
    }
}

fn mangle_prerouting() -> Vec<Draft> {
    vec![
        draft("known connections go on").known().accept(),
        draft(HOST_ENDPOINTS).marked(ACCEPT).accept(),
        draft(HOST_ENDPOINTS).jump(FROM_HOST),
        draft(HOST_ENDPOINTS).comment(HOST_ACCEPTED).marked(ACCEPT).accept(),
    ]
}

/// What policies allow comes back here: of two Pods on one node those of both are asked.
fn filter_forward() -> Vec<Draft> {
    vec![
        draft(CLEARED).clear_mark(ALL & !ACCEPT),
        draft(HOST_ENDPOINTS).mark_clear(ACCEPT).jump(FROM_HOST_FORWARD),
        draft("what Pods send").input(&WORKLOADS).jump(FROM_WORKLOAD),
        draft("what comes to Pods").output(&WORKLOADS).jump(TO_WORKLOAD),
        draft(HOST_ENDPOINTS).jump(TO_HOST_FORWARD),
        draft("serviceLoopPrevention, which needs BGP's Service networks").jump("cali-cidr-block"),
    ]
}

const CLEARED: &str = "Felix's bits of the mark are cleared";
const HOST_ENDPOINTS: &str = "there are no host endpoints";
const HOST_ACCEPTED: &str = "Host endpoint policy accepted packet.";
const FLOATING: &str = "floating IPs are off by default";
