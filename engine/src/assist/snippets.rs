//! Whole objects, for an empty document.

use super::Completion;

const SNIPPETS: [(&str, &str, &str); 8] = [
    (
        "Pod",
        "one container that keeps running",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-c\n  labels:\n    app: c\nspec:\n  containers:\n    - name: app\n      \
         image: busybox\n      command: [\"sleep\", \"3600\"]\n",
    ),
    (
        "Deployment",
        "Pods of one template, as many as replicas",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n  selector:\n    \
         matchLabels:\n      app: web\n  template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      \
         containers:\n        - name: web\n          image: nginx\n          ports:\n            - containerPort: 80\n",
    ),
    (
        "DaemonSet",
        "one Pod on every node",
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: agent\nspec:\n  selector:\n    matchLabels:\n      app: \
         agent\n  template:\n    metadata:\n      labels:\n        app: agent\n    spec:\n      containers:\n        - \
         name: agent\n          image: busybox\n          command: [\"sleep\", \"3600\"]\n",
    ),
    (
        "Service",
        "one address for all Pods that a selector finds",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n    - port: \
         80\n      targetPort: 80\n",
    ),
    (
        "NetworkPolicy",
        "who may reach the Pods that it selects",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector:\n    \
         matchLabels:\n      app: web\n  policyTypes: [Ingress]\n  ingress:\n    - from:\n        - podSelector:\n            \
         matchLabels:\n              app: client\n",
    ),
    (
        "NetworkPolicy: deny all ingress",
        "nobody may reach the Pods of a namespace, but for what other policies allow",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: deny-ingress\nspec:\n  podSelector: \
         {}\n  policyTypes: [Ingress]\n",
    ),
    (
        "NetworkPolicy: egress to DNS only",
        "the Pods of a namespace may ask DNS, and send elsewhere what other policies allow",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: allow-dns\nspec:\n  podSelector: \
         {}\n  policyTypes: [Egress]\n  egress:\n    - to:\n        - namespaceSelector:\n            matchLabels:\n              \
         kubernetes.io/metadata.name: kube-system\n          podSelector:\n            matchLabels:\n              k8s-app: \
         kube-dns\n      ports:\n        - port: 53\n          protocol: UDP\n        - port: 53\n          protocol: TCP\n",
    ),
    ("Namespace", "a scope for names", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"),
];

/// The same, after the object that is there.
pub fn next() -> impl Iterator<Item = Completion> {
    all().into_iter().map(|item| Completion { insert: ["---\n", &item.insert].concat(), ..item })
}

pub fn all() -> Vec<Completion> {
    let completion = |(label, info, text): (&str, &str, &str)| Completion {
        label: label.to_owned(),
        insert: text.to_owned(),
        detail: "new object".to_owned(),
        kind: "snippet".to_owned(),
        info: info.to_owned(),
    };
    SNIPPETS.map(completion).to_vec()
}
