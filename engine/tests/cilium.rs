//! Cilium by packet: where its programs send what, and what they drop.

use podhop_engine::cluster::{CniName, Options};
use podhop_engine::explain;
use podhop_engine::net::IcmpError;
use podhop_engine::tables::{NetnsId, Origin};
use podhop_engine::trace::{Change, DropReason, EbpfPoint, FlowEnd, Stage, Step, Verdict};
use podhop_engine::world::{ProbeKind, ProbeResult, ProbeSpec, World};
use std::net::IpAddr;

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: b}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, labels: {app: far}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec: {type: NodePort, clusterIP: 10.96.0.50, selector: {app: far}, ports: [{port: 8080, targetPort: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: own}
spec: {clusterIP: 10.96.0.51, selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {clusterIP: 10.96.0.52, selector: {app: nobody}, ports: [{port: 80}]}
---
";
const SCTP_ON: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system}, \
                       data: {enable-sctp: \"true\"}}\n---\n";
const TCP: fn(u16) -> ProbeKind = |port| ProbeKind::Tcp { port, ttl: None };
const PING: fn(Option<u8>) -> ProbeKind = |ttl| ProbeKind::Ping { size: 56, dont_fragment: false, ttl };

struct Lab(World);

impl Lab {
    fn new(more: &str) -> Lab {
        let mut world = World::new(Options { cni: Some(CniName::Cilium), ..Options::default() });
        let applied = world.open_file("a.yaml", &format!("{PODS}{more}"), true);
        assert!(applied.committed, "{:?}", applied.diagnostics);
        Lab(world)
    }

    /// `spec` is that of a policy.
    fn held(spec: &str) -> Lab {
        let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: ";
        Lab::new(&format!("{head}{spec}\n"))
    }

    fn netns(&self, name: &str) -> NetnsId {
        let revision = self.0.revision();
        let pod = revision.pod("default", name).and_then(|pod| pod.netns);
        pod.or_else(|| revision.node(name).map(|node| node.netns)).expect("a place")
    }

    fn ip(&self, name: &str) -> IpAddr {
        let revision = self.0.revision();
        let pod = revision.pod("default", name).and_then(|pod| pod.ips().next());
        pod.or_else(|| revision.node(name).map(|node| node.ip)).expect("an address")
    }

    fn ask(&mut self, from: &str, to: IpAddr, kind: ProbeKind) -> ProbeResult {
        let from = self.netns(from);
        self.0.probe(&ProbeSpec { from, to, kind, timeout: 1_000_000_000 })
    }

    fn ping(&mut self, from: &str, to: &str, ttl: Option<u8>) -> ProbeResult {
        let to = self.ip(to);
        self.ask(from, to, PING(ttl))
    }

    fn steps(&self, result: &ProbeResult) -> Vec<Step> {
        let trace = self.0.recorder().get(result.flow).expect("kept");
        trace.packets.iter().flat_map(|packet| packet.steps.clone()).collect()
    }

    fn dropped(&self, result: &ProbeResult) -> Option<DropReason> {
        self.steps(result).iter().find_map(|step| match step.verdict {
            Verdict::Drop(reason) => Some(reason),
            _ => None,
        })
    }
}

fn service(ip: [u8; 4]) -> IpAddr {
    IpAddr::from(ip)
}

#[test]
fn every_pod_sees_a_ttl_of_63() {
    let mut lab = Lab::new("");
    for to in ["b", "far"] {
        let result = lab.ping("a", to, None);
        assert_eq!((result.end, result.seen_ttl), (FlowEnd::Delivered, Some(63)), "{to}");
    }
    let result = lab.ping("a", "far", Some(1));
    assert_eq!(lab.dropped(&result), Some(DropReason::BpfTtlExceeded), "and nobody is told");
    assert_eq!(result.responder, None);
}

#[test]
fn the_tunnels_number_is_the_senders_identity() {
    let mut lab = Lab::new("");
    let numbers = |lab: &Lab, result: &ProbeResult| -> Vec<u32> {
        let changes = lab.steps(result).into_iter().flat_map(|step| step.changes.to_vec());
        changes
            .filter_map(|change| match change {
                Change::Encapsulate { vni, .. } => Some(vni),
                _ => None,
            })
            .collect()
    };
    let result = lab.ping("a", "far", None);
    let [there, back] = numbers(&lab, &result)[..] else { panic!("two packets in the tunnel") };
    assert!(there >= 256 && back >= 256 && there != back);
    let result = lab.ping("worker-1", "far", None);
    assert_eq!(numbers(&lab, &result)[0], 6, "a host is a remote node to others");
    assert_eq!(result.end, FlowEnd::Delivered);
}

#[test]
fn pods_between_nodes_pass_no_netfilter_of_their_own() {
    let mut lab = Lab::new("");
    let result = lab.ping("a", "b", None);
    let steps = lab.steps(&result);
    assert!(
        !steps.iter().any(|step| matches!(step.stage, Stage::Netfilter { .. } | Stage::RouteIn) && step.link.is_none())
    );
    let delivered = |step: &&Step| matches!(step.stage, Stage::Ebpf { point: EbpfPoint::ToEndpoint, .. });
    assert_eq!(steps.iter().filter(delivered).count(), 2, "there and back");
}

#[test]
fn a_service_is_translated_at_the_pods_device() {
    let mut lab = Lab::new("");
    let result = lab.ask("a", service([10, 96, 0, 50]), TCP(8080));
    assert_eq!(result.end, FlowEnd::Delivered);
    assert_eq!(result.seen_destination, Some((lab.ip("far"), 80)));
    assert_eq!(result.seen_source, Some(lab.ip("a")));
    let points: Vec<EbpfPoint> = lab
        .steps(&result)
        .iter()
        .filter_map(|step| match step.stage {
            Stage::Ebpf { point, .. } => Some(point),
            _ => None,
        })
        .collect();
    assert!(points.contains(&EbpfPoint::Service) && points.contains(&EbpfPoint::ReverseNat));
    assert!(
        !lab.steps(&result).iter().any(|step| matches!(step.stage, Stage::Conntrack(_))),
        "not by kube-proxy's rules"
    );
    let result = lab.ask("a", service([10, 96, 0, 52]), TCP(80));
    assert_eq!((result.icmp, result.responder), (Some(IcmpError::PortUnreachable), Some(service([10, 96, 0, 52]))));
}

#[test]
fn who_calls_himself_by_a_service_hears_from_the_loopback_address() {
    let mut lab = Lab::held("{podSelector: {}, policyTypes: [Ingress, Egress]}");
    let result = lab.ask("a", service([10, 96, 0, 51]), TCP(80));
    assert_eq!(result.end, FlowEnd::Delivered, "no policy is asked");
    assert_eq!(result.seen_source, Some(IpAddr::from([169, 254, 42, 1])));
}

#[test]
fn nodes_use_kube_proxy() {
    let mut lab = Lab::new("");
    let result = lab.ask("worker-1", service([10, 96, 0, 50]), TCP(8080));
    assert_eq!(result.end, FlowEnd::Delivered);
    let node = lab.ip("worker-1");
    assert_eq!(lab.ask("a", node, TCP(30080)).end, FlowEnd::Delivered, "a node port from a Pod");
    assert_eq!(lab.ask("far", node, TCP(30080)).end, FlowEnd::Delivered);
}

#[test]
fn a_node_reaches_its_own_pods_whatever_policies_say() {
    let mut lab = Lab::held("{podSelector: {}}");
    assert_eq!(lab.ping("worker-1", "a", None).end, FlowEnd::Delivered);
    let result = lab.ping("worker-2", "a", None);
    assert_eq!(lab.dropped(&result), Some(DropReason::PolicyDenied));
    let result = lab.ping("b", "a", None);
    assert_eq!(lab.dropped(&result), Some(DropReason::PolicyDenied));
}

#[test]
fn a_dropped_packet_names_the_key_that_is_missing_and_the_policy_that_asks_for_it() {
    let mut lab = Lab::held("{podSelector: {}}");
    let to = lab.ip("a");
    let result = lab.ask("b", to, TCP(8080));
    let trace = lab.0.recorder().get(result.flow).expect("the conversation was recorded");
    let steps = trace.packets.iter().flat_map(|packet| &packet.steps);
    let cause = steps.into_iter().find(|step| matches!(step.verdict, Verdict::Drop(_))).and_then(|step| step.cause);
    let told = explain::row_text(trace, &cause.expect("a row"), None, &|_| String::new()).expect("its text");
    assert!(
        told.text.contains(" has no key for Ingress, identity ") && told.text.ends_with(", 8080/TCP"),
        "{}",
        told.text
    );
    let Origin::Object { path, .. } = told.origin else { panic!("{:?}", told.origin) };
    assert_eq!(path, "spec.podSelector");
}

#[test]
fn what_is_dropped_on_its_way_out_is_dropped_at_the_senders_device() {
    let mut lab = Lab::held("{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}");
    let result = lab.ping("a", "far", None);
    let steps = lab.steps(&result);
    let last = steps.iter().find(|step| matches!(step.verdict, Verdict::Drop(_))).expect("a drop");
    assert!(matches!(last.stage, Stage::Ebpf { point: EbpfPoint::PolicyEgress, .. }));
    assert_eq!(lab.ping("far", "a", None).end, FlowEnd::Delivered, "answers are let out");
}

#[test]
fn an_address_that_nobody_has_is_unroutable() {
    let mut lab = Lab::new("");
    let share = lab.0.revision().node("worker-1").expect("a node").blocks[0].net;
    let taken = [lab.ip("a"), lab.ip("b")];
    let router = lab.0.revision().node("worker-1").and_then(|node| node.blocks[0].tunnel_ip);
    let free = share.hosts().find(|ip| !taken.contains(ip) && router != Some(*ip)).expect("a free address");
    let result = lab.ask("a", free, PING(None));
    assert_eq!(lab.dropped(&result), Some(DropReason::Unroutable));
}

#[test]
fn the_outside_sees_the_node() {
    let mut lab = Lab::new("");
    let result = lab.ask("a", IpAddr::from([172, 18, 0, 1]), PING(None));
    assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, Some(lab.ip("worker-1"))));
    assert_eq!(lab.ask("a", IpAddr::from([198, 51, 100, 7]), PING(None)).end, FlowEnd::Delivered);
}

#[test]
fn sctp_needs_to_be_enabled() {
    let probe = ProbeKind::Sctp { port: 80 };
    let mut lab = Lab::new("");
    let far = lab.ip("far");
    let result = lab.ask("a", far, probe);
    assert_eq!(lab.dropped(&result), Some(DropReason::UnknownL4Protocol));
    let mut lab = Lab::new(SCTP_ON);
    let far = lab.ip("far");
    assert!(lab.ask("a", far, probe).connects());
}

#[test]
fn a_packet_too_large_for_the_tunnel_does_not_leave_the_pod() {
    let mut lab = Lab::new("");
    let far = lab.ip("far");
    let result = lab.ask("a", far, ProbeKind::Ping { size: 1472, dont_fragment: true, ttl: None });
    assert_eq!((result.end, result.local_mtu), (FlowEnd::LocalError(DropReason::TooBig), Some(1450)));
    assert_eq!(
        lab.ask("a", far, ProbeKind::Ping { size: 1472, dont_fragment: false, ttl: None }).end,
        FlowEnd::Delivered
    );
}
