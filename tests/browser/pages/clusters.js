// Clusters in the states that need a design, as manifests.

/** Two idle Pods that the scheduler spreads over both workers. */
export const pair = ["a", "b"]
  .map((end) => `apiVersion: v1
kind: Pod
metadata: {name: pod-${end}, labels: {app: ${end}}}
spec:
  containers:
  - {name: app, image: busybox, command: [sleep, infinity]}
`)
  .join("---\n");

export const deployment = (name, replicas, more = "") => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {${more}containers: [{name: web, image: nginx}]}
`;

export const node = (name, status = "") => `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\n${status}`;

/** One Pod that fits nowhere, one that crashes, one that runs. */
export const ailing = `apiVersion: v1
kind: Pod
metadata: {name: fast}
spec:
  nodeSelector: {disk: ssd}
  containers: [{name: app, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  containers:
  - {name: first, image: nginx}
  - {name: second, image: nginx}
---
${pair}`;

/** One of three nodes is not ready. */
export const ailingNode = [
  node("edge-1"),
  node("edge-2", 'status:\n  conditions: [{type: Ready, status: "False", reason: KubeletNotReady, message: the runtime is down}]\n'),
  node("edge-3"),
  pair,
].join("---\n");

export const longName = (start) => `${start}-${"very-long-name-".repeat(5)}`.slice(0, 62) + "x";

/** Names of 63 characters, as long as they may be. */
export const longNames = [
  `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${longName("shop")}}\n`,
  node(longName("node-one")),
  node(longName("node-two")),
  ...["a", "b"].map((end, at) => `apiVersion: v1
kind: Pod
metadata: {name: ${longName(`pod-${end}`)}, namespace: ${longName("shop")}, labels: {${longName("key")}: ${longName("value")}}}
spec:
  nodeName: ${longName(at ? "node-two" : "node-one")}
  containers: [{name: ${longName("app")}, image: busybox, command: [sleep, infinity]}]
`),
].join("---\n");

/** As many Pods as a node takes. */
export const crowded = deployment("crowd", 110, "nodeName: worker-1, ");

/** A thousand nodes, some of them with Pods. */
export const thousandNodes = [...Array.from({ length: 1000 }, (_, at) => node(`n${at}`)), deployment("web", 3000)].join("---\n");

/** `count` Pods as `kubectl get pods -A -o yaml` prints them, with the nodes they are on. */
export function dump(count) {
  const item = (at) => `- apiVersion: v1
  kind: Pod
  metadata:
    creationTimestamp: "2026-01-01T00:00:00Z"
    labels:
      app: web
    name: web-${String(at).padStart(6, "0")}
    namespace: default
  spec:
    containers:
    - image: nginx
      name: web
    nodeName: n${Math.floor(at / 100)}
  status:
    phase: Running
`;
  const nodes = Array.from({ length: Math.ceil(count / 100) }, (_, at) => node(`n${at}`));
  const items = Array.from({ length: count }, (_, at) => item(at));
  return [...nodes, `apiVersion: v1\nitems:\n${items.join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`].join("---\n");
}

/** Three servers behind a load balancer, and a client. */
export const served = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: nginx, ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers:
    - {name: c, image: busybox, command: [sleep, infinity]}
`;

/** Has Calico wire the Pods. */
export const calico = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {}\n";

/** A server that lets one of two clients in. */
export const closed = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress:
    - from:
        - podSelector: {matchLabels: {app: friend}}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec: {nodeName: worker-2, containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec:
  selector: {app: server}
  ports: [{port: 80}]
---
${["friend", "stranger"]
  .map((name) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
`)
  .join("---\n")}`;
