//! Who is asked on the wire between the nodes for the address of a Service, and who has it.

use crate::cluster::{Cluster, Options, PodKey, ProxyMode};
use crate::control::start;
use crate::program::{ETH0, Shared, netns, segment, segment_version};
use crate::tables::Segment;
use std::net::IpAddr;

fn balancer(name: &str, rest: &str, ip: u8) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}{rest}}}\nspec: {{type: LoadBalancer, selector: {{app: web}}, \
         ports: [{{port: 80}}]}}\nstatus: {{loadBalancer: {{ingress: [{{ip: 172.18.0.{ip}}}]}}}}\n---\n"
    )
}

/// The segment as it is kept while its version is the same.
#[derive(Default)]
struct Wire(Option<([u64; 2], Segment)>);

impl Wire {
    /// The nodes that have each address, which must be those that are asked.
    fn owners(&mut self, cluster: &Cluster) -> Vec<(u8, Vec<String>)> {
        let revision = cluster.revision();
        let version = segment_version(revision);
        if self.0.as_ref().is_none_or(|(made_from, _)| *made_from != version) {
            self.0 = Some((version, segment(revision)));
        }
        let segment = &self.0.as_ref().expect("it was made").1;
        let mut all = Vec::new();
        for n in 100..104 {
            let ip = IpAddr::from([172, 18, 0, n]);
            let has = |id| netns(revision, id, &mut Shared::default()).expect("a node").answers_arp(ETH0, ip);
            let asked = |id| segment.ports_answering(ip).any(|(_, port)| port.netns == id);
            for node in revision.nodes.values() {
                assert_eq!(asked(node.netns), has(node.netns), "{} and {ip}", node.name);
            }
            let owners = revision.nodes.values().filter(|node| has(node.netns));
            all.push((n, owners.map(|node| node.name.to_string()).collect()));
        }
        all.retain(|(_, nodes): &(u8, Vec<String>)| !nodes.is_empty());
        all
    }
}

fn apply(cluster: &mut Cluster, text: &str) {
    let applied = cluster.open_file("a.yaml", text, true, 0);
    assert!(applied.committed, "{}", applied.diagnostics.render(cluster.sources()));
}

#[test]
fn those_are_asked_for_a_balancer_s_address_whose_kube_proxy_has_it() {
    let proxy = Some(ProxyMode::Ipvs);
    let mut cluster = start(Options { workers_count: Some(2), proxy, ..Options::default() });
    let mut wire = Wire::default();
    let all = ["control-plane", "worker-1", "worker-2"].map(String::from);
    let elsewhere = balancer("elsewhere", ", labels: {service.kubernetes.io/service-proxy-name: other}", 101);
    apply(&mut cluster, &(balancer("a", "", 100) + &elsewhere));
    assert_eq!(wire.owners(&cluster), [(100, all.to_vec())]);
    let is_proxy = |key: &&PodKey| cluster.revision().pods[*key].is_kube_proxy();
    let proxy = cluster.revision().nodes["worker-1"].pods.values().find(is_proxy).expect("it runs").clone();
    cluster.freeze(std::slice::from_ref(&proxy), true, 0);
    apply(&mut cluster, &balancer("b", "", 102));
    let others = [all[0].clone(), all[2].clone()].to_vec();
    assert_eq!(wire.owners(&cluster), [(100, all[1..2].to_vec()), (102, others)]);
    cluster.freeze(&[proxy], false, 0);
    assert_eq!(wire.owners(&cluster), [(102, all.to_vec())]);
    let config = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\nipvs: ";
    apply(&mut cluster, &format!("{config}{{strictARP: true}}\n---\n{}", balancer("b", "", 102)));
    assert_eq!(wire.owners(&cluster), []);
    apply(&mut cluster, &format!("{config}{{scheduler: fastest}}\n---\n{}", balancer("b", "", 102)));
    assert_eq!(wire.owners(&cluster), []);
}
