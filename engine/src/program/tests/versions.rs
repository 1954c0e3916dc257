//! Equal input versions mean equal tables: random edits of a real store, every namespace written anew after each.

use crate::cluster::{Options, ProxyMode};
use crate::control::start;
use crate::program::{Shared, input_version, netns, segment, segment_version};
use crate::tables::NetnsId;
use std::collections::BTreeMap;

/// splitmix64
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What the manifest says; one choice differs from one text to the next.
struct Choices([u64; 17]);

impl Choices {
    fn change(&mut self, random: &mut Random) {
        self.0[random.below(17) as usize] = random.below(6);
    }

    fn manifest(&self) -> String {
        let Choices([nodes @ .., a, b, c, d, e, replicas, vni, mtu, plain, local, open, config, hints]) = self;
        let mut text = String::new();
        for (n, choice) in nodes.iter().enumerate().filter(|(n, choice)| *n == 0 || **choice > 0) {
            text += &format!(
                "apiVersion: v1\nkind: Node\nmetadata: {{name: n{n}}}\nstatus:\n  addresses:\n  \
                 - {{type: InternalIP, address: 192.168.7.{}}}\n---\n",
                10 + n * 10 + (choice / 4) as usize
            );
        }
        for (p, choice) in [a, b, c, d, e].into_iter().enumerate().filter(|(_, choice)| **choice > 0) {
            let image = ["nginx", "httpd", "redis"][*choice as usize % 3];
            let host = if p == 4 { "  hostNetwork: true\n" } else { "" };
            text += &format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{p}}}\nspec:\n{host}  containers:\n  - name: c\n    \
                 image: {image}\n    ports: [{{containerPort: {}}}]\n---\n",
                80 + choice / 4
            );
        }
        text += &format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: c, image: nginx}}]}}\n---\n"
        );
        text += &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kube-flannel-cfg, namespace: kube-flannel}}\ndata:\n  \
             net-conf.json: '{{\"Network\": \"10.244.0.0/16\", \"Backend\": {{\"Type\": \"vxlan\", \"VNI\": {}, \
             \"MTU\": {}}}}}'\n",
            1 + vni / 3,
            1400 + mtu / 3
        );
        let service = |name: &str, port: u64, rest: &str| {
            format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: web}}, ports: [{{port: \
                 {port}, nodePort: {}}}], {rest}}}\n",
                30_000 + port
            )
        };
        let affinity = if *plain > 3 { "ClientIP" } else { "None" };
        text += &service("plain", 80 + plain / 2, &format!("type: NodePort, sessionAffinity: {affinity}"));
        let policies = ["Cluster", "Local"].map(|policy| format!("type: NodePort, externalTrafficPolicy: {policy}"));
        text += &service("local", 90, &policies[*local as usize / 3]);
        if *open > 2 {
            let rest = "type: LoadBalancer, loadBalancerSourceRanges: [192.168.7.0/24], externalIPs: [192.168.7.200]";
            text += &service("open", 100 + open, rest);
        }
        if *hints > 2 {
            text += &service("near", 110 + hints / 5, "type: NodePort, trafficDistribution: PreferClose");
        }
        let settings = ["", "detectLocalMode: NodeCIDR", "iptables: {masqueradeAll: true}", "ipvs: {strictARP: true}"];
        text += &format!(
            "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{}\n",
            settings[*config as usize % 4]
        );
        text
    }
}

#[test]
fn equal_versions_mean_equal_tables() {
    for seed in 0..6 {
        let mut random = Random(seed);
        let proxy = Some([ProxyMode::Iptables, ProxyMode::Nftables, ProxyMode::Ipvs][seed as usize % 3]);
        let mut cluster = start(Options { seed, proxy, ..Options::default() });
        let mut choices = Choices([1; 17]);
        cluster.open_file("a.yaml", &choices.manifest(), true, 0);
        let mut shared = Shared::default();
        let mut known: BTreeMap<NetnsId, ([u64; 3], String)> = BTreeMap::new();
        let mut wire: Option<([u64; 2], String)> = None;
        let mut kept_count = 0;
        for _ in 0..30 {
            choices.change(&mut random);
            let applied = cluster.edit_file("a.yaml", &choices.manifest(), 0);
            assert!(applied.committed, "{}", applied.diagnostics.render(cluster.sources()));
            let pods = cluster.revision().pods.values();
            let proxies: Vec<_> = pods.filter(|pod| pod.is_kube_proxy()).map(|pod| pod.key.clone()).collect();
            if random.below(4) == 0 {
                let one = proxies[random.below(proxies.len() as u64) as usize].clone();
                cluster.freeze(&[one], random.below(2) == 0, 0);
            }
            let revision = cluster.revision();
            for id in revision.netns.keys() {
                let version = input_version(revision, *id).expect("a live namespace");
                let written = format!("{:?}", netns(revision, *id, &mut shared));
                assert_eq!(
                    written,
                    format!("{:?}", netns(revision, *id, &mut Shared::default())),
                    "peers kept too long"
                );
                if let Some((before, text)) = known.get(id)
                    && *before == version
                {
                    assert_eq!(*text, written, "seed {seed}, {id:?}");
                    kept_count += 1;
                }
                known.insert(*id, (version, written));
            }
            let now = (segment_version(revision), format!("{:?}", segment(revision)));
            if let Some(before) = wire.replace(now.clone()) {
                assert!(before.0 != now.0 || before.1 == now.1, "the segment changed without its version");
            }
        }
        assert!(kept_count > 100, "the versions change too often to be of use: {kept_count}");
    }
}
