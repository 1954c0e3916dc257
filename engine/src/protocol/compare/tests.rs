use super::*;
use crate::protocol::{OpenFile, Reply, ReplyBody, Request, RequestBody};

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: pod-a}
spec: {nodeName: worker-1, containers: [{name: c, image: agnhost}]}
---
apiVersion: v1
kind: Pod
metadata: {name: pod-b, labels: {app: b}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {selector: {app: b}, ports: [{port: 80}]}
";

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    let Reply { body, .. } = server.handle(Request { id: 1, body });
    body
}

fn server(more: &str) -> Server {
    let mut server = Server::default();
    let text = format!("{PODS}---\n{more}");
    ask(&mut server, RequestBody::Open { files: vec![OpenFile { name: "a.yaml".into(), text, live: true }], seed: 7 });
    server
}

fn run(server: &mut Server, line: &str) -> u32 {
    let ReplyBody::Console(console) = ask(server, RequestBody::Run { session: 0, line: line.into() }) else { panic!() };
    *console.flows.first().unwrap_or_else(|| panic!("{:?}", console.chunks))
}

fn setting(cni: &str, proxy: &str) -> Setting {
    Setting { cni: cni.into(), proxy: proxy.into() }
}

fn compare(server: &mut Server, flow: u32, settings: [Setting; 2]) -> CompareView {
    match ask(server, RequestBody::Compare { flow, settings }) {
        ReplyBody::Compared(view) => *view,
        other => panic!("{other:?}"),
    }
}

fn devices(view: &CompareView, side: usize) -> Vec<&str> {
    let steps = view.packets.iter().filter(|packet| !packet.plumbing).flat_map(|packet| &packet.steps);
    steps.filter_map(|pair| pair.sides[side].as_ref()).map(|step| &*step.device).collect()
}

#[test]
fn a_ping_under_flannel_and_calico_takes_other_devices_and_goes_to_the_same_pod() {
    let mut server = server("");
    let key = crate::cluster::PodKey::new("default", "pod-b");
    let ip = server.world().revision().pods[&key].ips().next();
    let flow = run(&mut server, &format!("kubectl exec pod-a -- ping -c1 {}", ip.unwrap()));
    let before = server.world().revision().number;
    let view = compare(&mut server, flow, [Setting::default(), Setting::default()]);
    let [left, right] = &view.sides;
    assert_eq!((&left.setting, &right.setting), (&setting("flannel", "iptables"), &setting("calico", "iptables")));
    assert_ne!(left.line, right.line, "Pods have other addresses with Calico");
    for side in [left, right] {
        assert_eq!(
            (side.exit_status, &*side.summary.as_ref().unwrap().to),
            (0, "pod/default/pod-b"),
            "{}",
            side.output
        );
    }
    assert!(devices(&view, 0).contains(&"cni0") && devices(&view, 0).contains(&"flannel.1"));
    assert!(!devices(&view, 1).contains(&"cni0") && devices(&view, 1).iter().any(|device| device.starts_with("cali")));
    let both = |pair: &PacketPair| pair.sides.iter().all(Option::is_some);
    let request = view.packets.iter().find(|pair| both(pair) && !pair.plumbing).expect("the echo request of both");
    assert!(request.steps.iter().any(|step| step.same) && request.steps.iter().any(|step| !step.same));
    assert_eq!(server.world().revision().number, before, "the cluster itself is as it was");
}

#[test]
fn a_request_to_a_service_under_two_proxy_modes_differs_where_it_is_translated() {
    let mut server = server("");
    ask(&mut server, RequestBody::Run { session: 0, line: "kubectl exec -it pod-a -- sh".into() });
    let flow = run(&mut server, "curl -s http://b");
    let view = compare(&mut server, flow, [Setting::default(), setting("", "ipvs")]);
    assert_eq!(view.sides[0].line, view.sides[1].line);
    assert_eq!((&*view.sides[0].place, &view.sides[1].setting), ("pod/default/pod-a", &setting("flannel", "ipvs")));
    assert_eq!(view.sides[0].output, view.sides[1].output);
    let differing: Vec<&StepPair> =
        view.packets.iter().flat_map(|pair| &pair.steps).filter(|step| !step.same).collect();
    assert!(!differing.is_empty());
    let places = differing.iter().flat_map(|step| step.sides.iter().flatten()).map(|step| &*step.place);
    assert!(places.into_iter().all(|place| place.starts_with("node/")), "{differing:#?}");
}

#[test]
fn a_policy_that_only_one_of_them_enforces_ends_one_side() {
    let deny =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}}\n";
    let mut server = server(deny);
    let flow = run(&mut server, "kubectl exec pod-a -- curl -s -m 2 http://b");
    let view = compare(&mut server, flow, [setting("flannel", ""), setting("calico", "")]);
    assert_eq!([view.sides[0].exit_status, view.sides[1].exit_status], [0, 28]);
    let drop = view.packets.iter().flat_map(|pair| &pair.steps).filter_map(|step| step.sides[1].as_ref());
    assert!(drop.into_iter().any(|step| step.verdict == VerdictKind::Dropped));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut server = server("");
    let flow = run(&mut server, "kubectl exec pod-a -- ping -c1 10.244.1.1");
    let ask_for = |server: &mut Server, flow, cni: &str| {
        ask(server, RequestBody::Compare { flow, settings: [Setting::default(), setting(cni, "")] })
    };
    let ReplyBody::Error(unknown) = ask_for(&mut server, flow, "weave") else { panic!() };
    assert_eq!(unknown, "unknown CNI plugin \"weave\"; flannel, calico and cilium are simulated");
    let ReplyBody::Error(gone) = ask_for(&mut server, 99, "calico") else { panic!() };
    assert_eq!(gone, "the command of this conversation is not known any more");
    ask(&mut server, RequestBody::Run { session: 0, line: "kubectl exec -it pod-a -- sh".into() });
    let inside = run(&mut server, "ping -c1 10.244.2.2");
    ask(&mut server, RequestBody::Run { session: 1, line: "kubectl delete pod pod-a".into() });
    let ReplyBody::Error(place) = ask_for(&mut server, inside, "calico") else { panic!() };
    assert_eq!(place, "the place where this command ran is gone");
}
