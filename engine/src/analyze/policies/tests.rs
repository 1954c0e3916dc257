//! Policies with one thing wrong, beside a Pod of nginx in namespace default, and what is said of them.

use crate::analyze::tests::{pod, rendered};

const HEAD: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n";
const NO_EFFECT: &str = "warning: Flannel does not enforce NetworkPolicies: this one has no effect [policy-no-effect]\n  \
                         hint: Calico does: make it the cluster's CNI plugin (--cni calico)\n";
const SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: sales}}\n---\n";

/// What is said of a policy's `spec`, which begins in line 5, but that Flannel ignores it.
fn told(spec: &str) -> String {
    told_beside(spec, &pod("a", "{app: web}", ""))
}

fn told_beside(spec: &str, others: &str) -> String {
    let told = rendered(&format!("{HEAD}{spec}---\n{others}"));
    told.replacen(&format!("a.yaml:3:18: {NO_EFFECT}"), "", 1)
}

#[test]
fn flannel_enforces_none() {
    let policy = format!("{HEAD}  podSelector: {{}}\n---\n");
    let two = policy.clone() + &policy.replace("{name: p}", "{name: q}") + &pod("a", "{}", "");
    assert_eq!(rendered(&two), format!("a.yaml:3:18: {NO_EFFECT}a.yaml:9:18: {NO_EFFECT}"));
}

#[test]
fn what_is_in_order_is_not_told() {
    let specs = [
        "  podSelector: {}\n",
        "  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{podSelector: {}}], ports: [{port: http}]}]\n",
        "  egress: [{ports: [{port: 53, protocol: UDP}]}]\n",
        "  egress: [{to: [{namespaceSelector: {}}]}]\n",
        "  egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: \
         {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: dns, protocol: UDP}]}]\n",
        "  egress: [{to: [{ipBlock: {cidr: 10.244.0.0/16}}], ports: [{port: 1, endPort: 100, protocol: UDP}]}]\n",
    ];
    for spec in specs {
        assert_eq!(told(spec), "", "{spec}");
    }
}

#[test]
fn a_pod_selector_that_finds_nothing() {
    assert_eq!(
        told("  podSelector:\n    matchLabels:\n      app: wbe\n"),
        "a.yaml:7:12: warning: NetworkPolicy p selects no Pods: none in namespace default has app=wbe \
         [policy-selects-nothing]\n  hint: did you mean app=web?\n  fix: wbe → web\n"
    );
    let told_of = |selector: &str| told(&format!("  podSelector: {{matchLabels: {{{selector}}}}}\n"));
    assert!(told_of("app: database").contains("hint: there is app=web\n"));
    assert!(told_of("name: web").contains("hint: there is app=web\n  fix: name → app\n"));
    assert!(told_of("role: db").contains("hint: no Pod there has a label role\n"));
    let expressions = told("  podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}\n");
    assert!(expressions.contains("selects no Pods: none in namespace default fits its conditions"), "{expressions}");
    let elsewhere = pod("a", "{app: web}", "").replace("  name: a\n", "  name: a\n  namespace: shop\n");
    let told = told_beside("  podSelector: {matchLabels: {app: web}}\n", &(SHOP.to_owned() + &elsewhere));
    assert!(told.contains("hint: Pods with these labels are in namespace shop: a NetworkPolicy"), "{told}");
    let told = rendered(&format!("{HEAD}  podSelector: {{}}\n"));
    assert!(told.contains("selects no Pods: there is none in namespace default [policy-selects-nothing]"), "{told}");
}

#[test]
fn peers_that_nobody_is() {
    let of = |peer: &str| told(&format!("  podSelector: {{}}\n  ingress:\n  - from:\n    - {peer}\n"));
    assert_eq!(
        of("podSelector: {matchLabels: {app: wev}}"),
        "a.yaml:8:40: warning: a peer in the ingress rules of NetworkPolicy p matches no Pod: none in namespace default has app=wev \
         [policy-peer-selects-nothing]\n  hint: did you mean app=web?\n  fix: wev → web\n"
    );
    assert_eq!(
        of("namespaceSelector: {matchLabels: {name: kube-system}}"),
        "a.yaml:8:41: warning: a peer in the ingress rules of NetworkPolicy p matches no Pod: no namespace has name=kube-system \
         [policy-peer-selects-nothing]\n  hint: there is kubernetes.io/metadata.name=kube-system\n  fix: name → \
         kubernetes.io/metadata.name\n"
    );
    let both = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}\n      podSelector: \
                {matchLabels: {k8s-app: kube-dn}}";
    assert!(of(both).contains("none in namespace kube-system has k8s-app=kube-dn ["), "{}", of(both));
    assert!(of(both).contains("fix: kube-dn → kube-dns\n"), "{}", of(both));
    let dns = of("podSelector: {matchLabels: {k8s-app: kube-dns}}");
    assert!(dns.contains("hint: Pods with these labels are in namespace kube-system: a podSelector without"), "{dns}");
    let empty = told_beside(
        "  podSelector: {}\n  ingress: [{from: [{namespaceSelector: {matchLabels: {team: sales}}}]}]\n",
        &(SHOP.to_owned() + &pod("a", "{}", "")),
    );
    assert!(empty.contains("matches no Pod: there is none in namespace shop ["), "{empty}");
}

#[test]
fn two_peers_that_were_meant_to_be_one() {
    let client = pod("c", "{app: client}", "").replace("  name: c\n", "  name: c\n  namespace: shop\n");
    let others = [SHOP, &client, &pod("a", "{app: web}", "")].concat();
    let rule = |second: &str| {
        let first = "  podSelector: {}\n  ingress:\n  - from:\n    - namespaceSelector: {matchLabels: {team: sales}}\n";
        told_beside(&format!("{first}    - podSelector: {{matchLabels: {{app: {second}}}}}\n"), &others)
    };
    assert_eq!(
        rule("client"),
        "a.yaml:9:7: warning: these are two peers: all Pods of the selected namespaces, and Pods of namespace default, of \
         which none has app=client [policy-peers-apart]\n  hint: for Pods that both selectors find, make one peer of \
         them: remove the second `- `\n  fix: -  →   \n"
    );
    assert_eq!(rule("web"), "");
    assert!(rule("nobody").contains("[policy-peer-selects-nothing]"));
}

#[test]
fn ports_that_no_container_names() {
    let ingress = |port: &str| told(&format!("  podSelector: {{}}\n  ingress:\n  - ports:\n    - {port}\n"));
    assert_eq!(
        ingress("port: htpp"),
        "a.yaml:8:13: warning: no container of the Pods that NetworkPolicy p selects has a TCP port named \"htpp\" \
         [policy-port-name]\n  hint: did you mean \"http\"?\n  fix: htpp → http\n"
    );
    assert!(ingress("{port: http, protocol: UDP}").contains("hint: there is one of TCP: write protocol: TCP\n"));
    let egress = |rule: &str| told(&format!("  podSelector: {{}}\n  egress: [{{}}, {{{rule}}}]\n"));
    assert_eq!(egress("ports: [{port: dns-tcp}]"), "");
    assert!(
        egress("ports: [{port: smtp}]").contains("no container of the Pods that this rule leads to has a TCP port")
    );
    let block = egress("to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]");
    assert!(block.contains("hint: addresses of an ipBlock name no ports: give the number\n"), "{block}");
}

#[test]
fn egress_without_dns() {
    assert_eq!(
        told("  podSelector: {}\n  egress:\n  - to:\n    - podSelector: {}\n"),
        "a.yaml:6:3: warning: Pods that NetworkPolicy p selects may not ask DNS: nothing allows egress to UDP port 53 of \
         CoreDNS [policy-no-dns]\n  hint: allow egress to Pods with k8s-app=kube-dns in namespace kube-system, ports 53 of \
         UDP and TCP\n  fix:  → to:\n      - namespaceSelector:\n          matchLabels:\n            \
         kubernetes.io/metadata.name: kube-system\n        podSelector:\n          matchLabels:\n            k8s-app: \
         kube-dns\n    ports:\n      - {port: 53, protocol: UDP}\n      - {port: 53, protocol: TCP}\n  - \n"
    );
    let nothing = told("  podSelector: {}\n  policyTypes: [Egress]\n");
    assert!(nothing.starts_with("a.yaml:6:3: info: Pods that NetworkPolicy p selects may not ask DNS"), "{nothing}");
    let tcp = told("  egress: [{ports: [{port: 53}]}]\n");
    assert!(tcp.contains("[policy-no-dns]"), "{tcp}");
    let except = told("  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.244.0.0/16]}}]}]\n");
    assert!(except.contains("[policy-no-dns]"), "{except}");
    let plain = pod("a", "{app: web}", "  dnsPolicy: Default\n");
    assert_eq!(told_beside("  policyTypes: [Egress]\n", &plain), "");
    // What one policy allows, all do.
    let allow = HEAD.replace("{name: p}", "{name: q}") + "  egress: [{ports: [{port: 53, protocol: UDP}]}]\n---\n";
    let two = told_beside("  policyTypes: [Egress]\n", &(allow + &pod("a", "{app: web}", "")));
    assert_eq!(two, format!("a.yaml:9:18: {NO_EFFECT}"));
}

#[test]
fn rules_of_a_direction_that_is_not_named() {
    assert_eq!(
        told("  policyTypes: [Ingress]\n  egress: [{}]\n"),
        "a.yaml:6:3: warning: the egress rules of NetworkPolicy p do nothing: policyTypes does not name Egress \
         [policy-rules-ignored]\n  hint: add Egress to policyTypes\n  fix:  → , Egress\n"
    );
}

#[test]
fn policies_in_tiers() {
    let calico = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\n---\n";
    let beside = |policy: &str| rendered(&format!("{policy}---\n{calico}{}", pod("a", "{app: web}", "")));
    let head = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec:\n  \
                tier: Admin\n  priority: 1\n";
    let told = beside(&format!(
        "{head}  subject: {{pods: {{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: wbe}}}}}}}}\n  ingress:\n  \
         - {{action: Pass, from: [{{namespaces: {{}}}}]}}\n  - {{action: Deny, from: [{{namespaces: {{matchLabels: {{team: x}}}}}}]}}\n"
    ));
    assert!(told.contains("a.yaml:3:18: info: Calico enforces ClusterNetworkPolicies from 3.32 on"), "{told}");
    assert!(
        told.contains("ClusterNetworkPolicy p selects no Pods: none in namespaces ")
            && told.contains("fix: wbe → web\n"),
        "{told}"
    );
    assert!(
        told.contains("a.yaml:10:5: warning: this rule never decides anything: ingress[0] before it takes all"),
        "{told}"
    );
    assert!(
        told.contains("a peer in the ingress rules of ClusterNetworkPolicy p matches no Pod: no namespace has team=x"),
        "{told}"
    );
    let told = beside(&format!(
        "{head}  subject: {{namespaces: {{}}}}\n  egress: [{{action: Deny, to: [{{domainNames: [a.example]}}]}}]\n"
    ));
    assert!(told.contains("the rule fails closed and denies everything [policy-peer-unsupported]"), "{told}");
    let own = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: secure.p}\nspec:\n  tier: secure\n  \
               selector: ap == 'web'\n  ingress: [{action: Allow}, {action: Deny}]\n";
    let told = beside(own);
    assert!(told.contains("a.yaml:5:9: warning: there is no tier secure: its policies are asked after"), "{told}");
    assert!(told.contains("a.yaml:6:13: warning: no Pod has a label ap [policy-label-unknown]"), "{told}");
    assert!(told.contains("a.yaml:7:30: warning: this rule never decides anything"), "{told}");
    let told = beside(
        &(own.replace("ap ==", "app ==").replace("Allow}, ", "Log}, ")
            + "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: secure}\nspec: {order: 1}\n"),
    );
    assert_eq!(told, "");
    let told = rendered(own);
    assert!(
        told.contains("GlobalNetworkPolicies of projectcalico.org are Calico's: with Flannel this one has no effect"),
        "{told}"
    );
}
