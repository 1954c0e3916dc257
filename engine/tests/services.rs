//! What the page is told of Services: the scene, the objects, the steps that translate, and what is wrong with them.

use podhop_engine::protocol::{
    FlowView, OpenFile, ProxyState, ReplyBody, Request, RequestBody, Scene, Server, StepView, TableView, WhyView,
};

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
";

struct Asked(Server);

impl Asked {
    fn of(text: &str) -> Asked {
        let mut asked = Asked(Server::default());
        let file = OpenFile { name: "web.yaml".into(), text: text.into(), live: true };
        asked.ask(RequestBody::Open { files: vec![file], seed: 1 });
        asked
    }

    fn ask(&mut self, body: RequestBody) -> ReplyBody {
        self.0.handle(Request { id: 0, body }).body
    }

    fn scene(&mut self) -> Scene {
        match self.ask(RequestBody::Scene) {
            ReplyBody::Scene(scene) => scene,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a line; the last conversation that it made.
    fn run(&mut self, line: &str) -> Option<FlowView> {
        let flow = match self.ask(RequestBody::Run { session: 0, line: line.into() }) {
            ReplyBody::Console(console) => *console.flows.last()?,
            other => panic!("{other:?}"),
        };
        match self.ask(RequestBody::Flow { flow }) {
            ReplyBody::Flow(flow) => Some(*flow),
            other => panic!("{other:?}"),
        }
    }

    fn why(&mut self, flow: &FlowView, (packet, step): (usize, usize)) -> WhyView {
        let (flow, packet) = (flow.summary.flow, flow.packets[packet].packet);
        match self.ask(RequestBody::Why { flow, packet, step: step as u32 }) {
            ReplyBody::Why(Some(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn table(&mut self, place: &str, table: &str) -> TableView {
        match self.ask(RequestBody::Table { place: place.into(), table: table.into() }) {
            ReplyBody::Table(table) => table,
            other => panic!("{other:?}"),
        }
    }

    fn problems(&mut self) -> Vec<String> {
        match self.ask(RequestBody::Problems) {
            ReplyBody::Problems(all) => all.into_iter().map(|problem| problem.message).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn facts(&mut self, kind: &str, name: &str) -> Vec<(String, String)> {
        let (kind, namespace, name) = (kind.into(), "default".into(), name.into());
        match self.ask(RequestBody::Object { kind, namespace, name }) {
            ReplyBody::Object(view) => view.facts,
            other => panic!("{other:?}"),
        }
    }
}

fn translating(flow: &FlowView, place: &str, field: &str) -> Option<(usize, usize)> {
    let is = |step: &StepView| step.place == place && step.changes.iter().any(|change| change.field == field);
    let packets = flow.packets.iter().enumerate();
    packets.filter_map(|(at, packet)| Some((at, packet.steps.iter().position(is)?))).next()
}

#[test]
fn the_scene_tells_services_their_endpoints_and_who_answers_names() {
    let mut asked = Asked::of(WEB);
    let scene = asked.scene();
    let web = &scene.services[0];
    assert_eq!((&*web.name, &*web.kind, web.system), ("web", "LoadBalancer", false));
    assert_eq!((web.ready_count, web.endpoints_count), (3, 3));
    assert!(web.endpoints.iter().all(|endpoint| endpoint.place.starts_with("pod/default/web-") && endpoint.ready));
    assert_eq!(web.ingress, ["203.0.113.10"]);
    assert!(web.ports[0].node_port.is_some());
    assert!(scene.services[1..].iter().all(|service| service.system), "the user's come first");
    assert_eq!(scene.services_count as usize, scene.services.len());
    let dns = scene.nodes.iter().flat_map(|node| &node.pods).filter(|pod| pod.dns);
    assert!(dns.map(|pod| &pod.name).all(|name| name.starts_with("coredns-")));
    assert!(scene.nodes.iter().all(|node| node.proxy == ProxyState::Follows));
    asked.run("ssh worker-1 pkill -STOP kube-proxy");
    let stale: Vec<bool> = asked.scene().nodes.iter().map(|node| node.proxy == ProxyState::Stale).collect();
    assert_eq!(stale.iter().filter(|stale| **stale).count(), 1);
    asked.run("ssh worker-1 pkill -CONT kube-proxy");
    assert!(asked.scene().nodes.iter().all(|node| node.proxy == ProxyState::Follows));
}

#[test]
fn the_scene_of_very_many_services_is_bounded() {
    let service = |at: usize| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{at}}}\nspec: {{ports: [{{port: 80}}]}}\n")
    };
    let many: Vec<String> = (0..1_000).map(service).collect();
    let scene = Asked::of(&many.join("---\n")).scene();
    assert!(scene.services.len() <= 400, "{}", scene.services.len());
    assert_eq!(scene.services_count, 1_002);
    assert!(scene.services.iter().any(|service| service.name == "kube-dns"), "the cluster's own are among them");
}

#[test]
fn a_translated_packet_tells_its_chance_and_its_rules_one_by_one() {
    let mut asked = Asked::of(WEB);
    let flow = asked.run("kubectl exec client -- wget -qO- -T 3 http://web/").unwrap();
    let client = asked.scene().nodes.into_iter().find(|node| node.pods.iter().any(|pod| pod.name == "client")).unwrap();
    let syn = flow.packets.iter().position(|packet| packet.title == "TCP SYN").unwrap();
    let is_dnat =
        |step: &StepView| step.stage == "prerouting" && step.changes.iter().any(|change| change.field == "ip.dst");
    let at = flow.packets[syn].steps.iter().position(is_dnat).unwrap();
    let step = &flow.packets[syn].steps[at];
    assert_eq!(step.place, client.place);
    assert!(step.chance.starts_with("one of 3: 33.3 %; "), "{}", step.chance);
    let why = asked.why(&flow, (syn, at));
    let chains: Vec<&str> = why.path.iter().map(|rule| rule.chain.as_str()).collect();
    assert_eq!(chains[..2], ["PREROUTING", "KUBE-SERVICES"]);
    assert!(chains[2].starts_with("KUBE-SVC-") && chains[3].starts_with("KUBE-SEP-"), "{chains:?}");
    assert!(why.path.iter().all(|rule| rule.number >= 1 && rule.number <= rule.count && rule.text.starts_with("-A ")));
    let reply = flow.packets.iter().find(|packet| packet.title == "TCP SYN-ACK").unwrap();
    let back = reply.steps.iter().find(|step| step.changes.iter().any(|change| change.field == "ip.src")).unwrap();
    assert!(back.sentence.starts_with("reply of a translated connection: "), "{}", back.sentence);
    assert!(back.chance.is_empty(), "nothing is drawn for a reply");
}

#[test]
fn a_load_balancer_s_packets_pass_the_gateway_and_a_node() {
    let mut asked = Asked::of(WEB);
    let flow = asked.run("curl -sS -m 3 http://203.0.113.10/").unwrap();
    assert_eq!(flow.summary.end, "delivered");
    assert!(translating(&flow, "gateway", "ip.dst").is_some(), "the load balancer picks a node");
}

#[test]
fn name_servers_show_what_they_hold_and_nodes_their_rules() {
    let mut asked = Asked::of(WEB);
    let scene = asked.scene();
    let dns = scene.nodes.iter().flat_map(|node| &node.pods).find(|pod| pod.dns).unwrap();
    let rows = asked.table(&dns.place, "dns").rows;
    assert!(rows.iter().any(|row| row.text.starts_with("kubernetes cluster.local")), "{rows:?}");
    assert!(rows.iter().any(|row| row.text.contains("web")), "{rows:?}");
    for table in ["nat", "filter", "mangle", "raw", "conntrack", "qdisc"] {
        assert_eq!(asked.table("node/worker-1", table).table, table);
    }
    assert!(asked.table("node/worker-1", "nat").rows.iter().any(|row| row.text.contains("KUBE-SVC-")));
}

#[test]
fn objects_tell_their_endpoints() {
    let mut asked = Asked::of(WEB);
    let value = |facts: &[(String, String)], name: &str| {
        facts.iter().find(|(label, _)| label == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let service = asked.facts("Service", "web");
    assert_eq!(value(&service, "Type"), "LoadBalancer");
    assert_eq!(value(&service, "From outside"), "203.0.113.10");
    assert_eq!(value(&service, "Endpoints").matches("web-").count(), 3);
}

#[test]
fn a_service_without_ready_pods_a_stopped_kube_proxy_and_missing_name_servers_are_problems() {
    let mut asked = Asked::of(WEB);
    assert_eq!(asked.problems(), [""; 0]);
    asked.run("ssh worker-1 pkill -STOP kube-proxy");
    let told = asked.problems();
    assert!(told.iter().any(|text| text.starts_with("kube-proxy on worker-1 is stopped")), "{told:?}");
    asked.run("kubectl scale deployment web --replicas=1");
    let told = asked.problems();
    assert!(told.iter().any(|text| text.contains("the rules on worker-1 are older than the Services")), "{told:?}");
    asked.run("ssh worker-1 pkill -CONT kube-proxy");
    asked.run("kubectl -n kube-system scale deploy coredns --replicas=0");
    let told = asked.problems();
    assert!(told.iter().any(|text| text.starts_with("CoreDNS has no ready Pod")), "{told:?}");
    let waiting = WEB.replace("image: nginx}", "image: nginx, readinessProbe: {tcpSocket: {port: 81}}}");
    let told = Asked::of(&waiting).problems();
    assert!(told.iter().any(|text| text.starts_with("Service web has no ready endpoint")), "{told:?}");
}
