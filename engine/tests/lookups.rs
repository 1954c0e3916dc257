//! What is said of a step's lookup, and of tables at a step.

use podhop_engine::cluster::{ObjectKey, Options};
use podhop_engine::protocol::{FlowView, ReplyBody, Request, RequestBody, Server, TableView, WhyView};
use podhop_engine::world::World;

const PODS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: worker-1, containers: [{name: c, image: \
                    busybox, command: [sleep, infinity]}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: \
                    {nodeName: worker-2, containers: [{name: c, image: nginx}]}\n";

fn server(workers: u32) -> Server {
    let mut world = World::new(Options { workers_count: Some(workers), ..Options::default() });
    assert!(world.open_file("pods.yaml", PODS, true).committed);
    Server::over(world)
}

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    server.handle(Request { id: 0, body }).body
}

/// The conversations of a command.
fn flows(server: &mut Server, line: &str) -> Vec<FlowView> {
    let run = RequestBody::Run { session: 1, line: line.into() };
    let ReplyBody::Console(console) = ask(server, run) else { panic!() };
    let view = |flow: &u32| match ask(server, RequestBody::Flow { flow: *flow }) {
        ReplyBody::Flow(flow) => *flow,
        other => panic!("{other:?}"),
    };
    console.flows.iter().map(view).collect()
}

fn flow(server: &mut Server, line: &str) -> FlowView {
    flows(server, line).remove(0)
}

fn why(server: &mut Server, flow: u32, packet: u32, step: usize) -> WhyView {
    let ReplyBody::Why(Some(why)) = ask(server, RequestBody::Why { flow, packet, step: step as u32 }) else { panic!() };
    why
}

fn table_at(server: &mut Server, flow: u32, packet: u32, step: usize, at: (&str, &str)) -> TableView {
    let (place, table) = (at.0.to_owned(), at.1.to_owned());
    let reply = ask(server, RequestBody::TableAt { flow, packet, step: step as u32, place, table });
    let ReplyBody::Table(view) = reply else { panic!("{reply:?}") };
    view
}

/// The first packet and step of a stage.
fn step(flow: &FlowView, wanted: impl Fn(&podhop_engine::protocol::StepView) -> bool) -> (u32, usize) {
    let mut packets = flow.packets.iter();
    let found = packets.find_map(|packet| Some((packet.packet, packet.steps.iter().position(&wanted)?)));
    found.expect("there is such a step")
}

#[test]
fn a_full_queue_is_told_from_a_neighbour_that_keeps_quiet() {
    let mut server = server(2);
    // In 46 pieces each; three are sent before the neighbour is given up.
    let flow = flow(&mut server, "kubectl exec a -- ping -c 3 -s 65000 10.244.1.99");
    let id = flow.summary.flow;
    let (packet, at) = step(&flow, |step| step.sentence.contains("NEIGH_QUEUEFULL"));
    let told = why(&mut server, id, packet, at);
    assert_eq!(
        told.because,
        "101 packets wait for 10.244.1.99 on eth0 already: another came, and this one, the oldest, goes"
    );
    let (packet, at) = step(&flow, |step| step.stage == "neighbor" && step.cause.is_some());
    assert!(why(&mut server, id, packet, at).because.starts_with("nobody answered for 10.244.1.99"));
}

#[test]
fn arp_requests_and_frames_of_others_have_lookups_too() {
    let mut server = server(2);
    let flow = flow(&mut server, "kubectl exec a -- ping -c 1 10.244.2.2");
    let (packet, at) = step(&flow, |step| step.stage == "deliver" && step.has_why);
    let told = why(&mut server, flow.summary.flow, packet, at);
    assert!(told.sought.starts_with("who has "), "{told:?}");
    let cable = step(&flow, |step| step.stage == "transmit");
    assert!(!flow.packets[cable.0 as usize].steps[cable.1].has_why);
}

#[test]
fn the_switch_s_port_is_marked_by_its_card_however_many_there_are() {
    let mut server = server(2_200);
    let flow = flow(&mut server, "kubectl exec a -- ping -c 1 10.244.2.2");
    let id = flow.summary.flow;
    let (packet, at) = step(&flow, |step| step.place == "segment/0" && step.sentence.contains("port"));
    let decided = |view: &TableView| -> Vec<String> {
        view.rows.iter().filter(|row| row.decides).map(|row| row.text.clone()).collect()
    };
    let before = decided(&table_at(&mut server, id, packet, at, ("segment/0", "segment")));
    assert_eq!(before.len(), 1);
    let gone: Vec<ObjectKey> = (3..=2_200).map(|n| ObjectKey::node(&format!("worker-{n}").into())).collect();
    server.world().change(|cluster, now| cluster.delete(&gone, now));
    let after = table_at(&mut server, id, packet, at, ("segment/0", "segment"));
    assert!(after.rows.len() < 10);
    assert_eq!(decided(&after), before);
    server.world().change(|cluster, now| cluster.delete(&[ObjectKey::node(&"worker-2".into())], now));
    server.world().change(|cluster, now| cluster.delete(&[ObjectKey::node(&"worker-1".into())], now));
    let after = table_at(&mut server, id, packet, at, ("segment/0", "segment"));
    assert_eq!(decided(&after), Vec::<String>::new());
}

#[test]
fn a_step_says_whether_its_lookup_can_be_told() {
    let mut server = server(2);
    let commands = [
        "ping -c 1 10.244.1.255",
        "ping -c 1 10.244.1.0",
        "ping -c 1 -t 1 10.244.2.2",
        "ping -c 1 -s 3000 10.244.2.2",
        "ping -c 1 192.0.2.1",
        "ping -c 1 10.244.77.1",
        "ping -c 1 224.0.0.1",
        "ping -c 1 127.0.0.1",
        "traceroute 10.244.2.2",
        "wget -qO- 10.244.2.2",
        "wget -qO- 10.244.2.2:81",
        "nc -u -w 1 10.244.2.2 53",
    ];
    let mut told_count = 0;
    let all = commands.iter().flat_map(|command| flows(&mut server, &format!("kubectl exec a -- {command}")));
    for flow in all.collect::<Vec<_>>() {
        for packet in &flow.packets {
            for (number, step) in packet.steps.iter().enumerate() {
                let told = server.why(flow.summary.flow, packet.packet, number as u32).expect("a step");
                assert_eq!(step.has_why, told.is_some(), "{}: {step:?}", flow.summary.title);
                told_count += usize::from(step.has_why);
            }
        }
    }
    assert!(told_count > 200, "{told_count}");
}
