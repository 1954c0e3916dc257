//! A cluster of two workers whose Pods send probes.

use podhop_engine::cluster::{Options, PodKey, ProxyMode};
use podhop_engine::tables::NetnsId;
use podhop_engine::trace::Trace;
use podhop_engine::world::{ProbeKind, ProbeResult, ProbeSpec, World};
use std::net::IpAddr;

pub const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

pub const CLIENT: &str = "apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
---
";

/// Servers on the client's node and on the other one.
pub const NEAR_AND_FAR: &str = "apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: web}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, labels: {app: web, at: far}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
";

/// Services of Pods with the label `app: web`, and one of none.
pub const SERVICES: &str = "apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, clusterIP: 10.96.0.50, selector: {app: web}, ports: [{port: 8080, targetPort: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec: {clusterIP: 10.96.0.51, selector: {app: web}, ports: [{port: 80}], sessionAffinity: ClientIP}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {clusterIP: 10.96.0.52, selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: guarded}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.53
  selector: {app: web}
  ports: [{port: 80}]
  loadBalancerSourceRanges: [198.51.100.0/24]
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}
---
";

pub struct Lab {
    pub world: World,
}

impl Lab {
    pub fn new(proxy: ProxyMode, text: &str) -> Lab {
        let proxy = Some(proxy);
        let mut lab = Lab { world: World::new(Options { workers_count: Some(2), proxy, ..Options::default() }) };
        lab.apply(text);
        lab
    }

    /// Replaces the cluster's manifests.
    pub fn apply(&mut self, text: &str) {
        let applied = self.world.open_file("a.yaml", text, true);
        assert!(applied.committed, "{:?}\n{text}", applied.diagnostics);
    }

    pub fn node(&self, name: &str) -> NetnsId {
        self.world.revision().nodes[name].netns
    }

    pub fn pod(&self, name: &str) -> NetnsId {
        let key = PodKey { namespace: "default".into(), name: name.into() };
        self.world.revision().pods[&key].netns.unwrap()
    }

    pub fn ip(&self, name: &str) -> IpAddr {
        self.world.revision().pod("default", name).unwrap().ip.as_ref().unwrap().0
    }

    pub fn probe(&mut self, from: NetnsId, to: IpAddr, kind: ProbeKind) -> ProbeResult {
        self.world.probe(&ProbeSpec { from, to, kind, timeout: 3_000_000_000 })
    }

    pub fn tcp(&mut self, from: NetnsId, to: &str, port: u16) -> ProbeResult {
        self.probe(from, to.parse().unwrap(), ProbeKind::Tcp { port, ttl: None })
    }

    pub fn udp(&mut self, from: NetnsId, to: &str, port: u16) -> ProbeResult {
        self.probe(from, to.parse().unwrap(), ProbeKind::Udp { port, size: 10, dont_fragment: false, ttl: None })
    }

    pub fn ping(&mut self, from: NetnsId, to: &str) -> ProbeResult {
        self.probe(from, to.parse().unwrap(), PING)
    }

    pub fn trace(&self, result: &ProbeResult) -> &Trace {
        self.world.recorder().get(result.flow).unwrap()
    }
}
