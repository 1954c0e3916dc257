//! What must hold of every picture, whatever the cluster.

use super::geometry::Rect;
use super::layout::{Focus, Layout, Target, TileSize, layout};
use super::route::{Map, places};
use crate::fixture;

fn assert_disjoint(what: &str, rects: &[Rect]) {
    for (i, a) in rects.iter().enumerate() {
        for b in &rects[i + 1..] {
            assert!(!a.overlaps(*b), "{what}: {a:?} overlaps {b:?}");
        }
    }
}

fn check(layout: &Layout) {
    let mut all: Vec<Rect> = layout.rooms.iter().map(|room| room.rect).collect();
    all.extend(layout.tiles.iter().map(|tile| tile.rect));
    all.extend(layout.pending.iter().map(|pending| pending.1));
    all.push(layout.gateway);
    all.extend(layout.internet);
    all.extend(layout.shelf.rects());
    assert_disjoint("rooms, tiles and gateway", &all);
    for place in &all {
        assert_eq!(layout.bounds.union(*place), layout.bounds, "{place:?} is outside the picture");
    }
    for room in &layout.rooms {
        let inside: Vec<Rect> =
            room.pods.iter().map(|p| p.rect).chain(room.devices.iter().map(|device| device.rect)).collect();
        assert_disjoint("Pods and devices", &inside);
        for place in inside {
            assert_eq!(room.rect.union(place), room.rect, "{place:?} is outside its room {:?}", room.rect);
        }
        assert!(layout.bus.0.x <= room.lane_x && room.lane_x <= layout.bus.1.x);
    }
}

#[test]
fn nothing_overlaps_in_clusters_of_any_size() {
    let focus = Focus { places: places(&fixture::ping()), ..Focus::default() };
    for workers in [0, 1, 2, 3, 19, 60, 999] {
        for pods in [0, 1, 3, 9, 110] {
            let scene = fixture::scene(workers, pods);
            check(&layout(&scene, &Focus::default()));
            let made = layout(&scene, &focus);
            check(&made);
            assert_eq!(made.rooms.len() + made.tiles.len(), workers + 1, "every node is drawn once");
        }
    }
}

#[test]
fn every_pod_of_a_full_node_has_a_place() {
    let scene = fixture::scene(2, 110);
    let made = layout(&scene, &Focus { places: places(&fixture::ping()), ..Focus::default() });
    for room in &made.rooms {
        assert_eq!(room.pods.len(), scene.nodes[room.node].pods.len());
    }
}

#[test]
fn the_conversation_s_nodes_are_rooms_among_a_thousand() {
    let scene = fixture::scene(999, 5);
    let made = layout(&scene, &Focus { places: places(&fixture::ping()), ..Focus::default() });
    let rooms: Vec<&str> = made.rooms.iter().map(|room| scene.nodes[room.node].name.as_str()).collect();
    assert_eq!(rooms, ["worker-1", "worker-2"]);
    assert_eq!(made.tile_size, TileSize::Dot);
    let ratio = made.bounds.width / made.bounds.height;
    assert!((0.7..3.0).contains(&ratio), "a picture, not a ribbon: {ratio}");
}

#[test]
fn every_step_of_the_ping_has_its_stop_at_the_device_it_names() {
    let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
    let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
    let map = Map { scene: &scene, layout: &made, close: false };
    for packet in &flow.packets {
        let route = map.route(packet, None);
        assert_eq!(route.stops.len(), packet.steps.len());
        assert!(route.stops.is_sorted(), "a packet never goes backwards along its own way");
        for (step, along) in packet.steps.iter().zip(&route.stops) {
            let at = route.line.at(*along);
            assert!(made.bounds.contains(at));
            for room in &made.rooms {
                let node = &scene.nodes[room.node];
                for device in &room.devices {
                    let named = node.place == step.place && node.devices[device.device].name == step.device;
                    assert!(!named || device.rect.contains(at), "{} {} at {at:?}", step.place, step.device);
                }
                for (i, pod) in node.pods.iter().enumerate() {
                    let place = room.pods.iter().find(|place| place.pod == i).map(|place| place.rect);
                    assert!(pod.place != step.place || place.is_some_and(|place| place.contains(at)));
                }
            }
            if step.place.starts_with("segment") {
                assert_eq!(at.y, made.bus.0.y);
            }
        }
        for pair in route.line.points.windows(2) {
            assert!(pair[0].x == pair[1].x || pair[0].y == pair[1].y, "wires run straight: {pair:?}");
        }
    }
}

#[test]
fn from_close_by_every_step_of_a_kernel_stops_at_its_station() {
    use super::stack::{Station, pod_station};
    let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
    let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
    let map = Map { scene: &scene, layout: &made, close: true };
    let mut stopped = 0;
    for packet in &flow.packets {
        let route = map.route(packet, None);
        assert_eq!(route.stops.len(), packet.steps.len());
        assert!(route.stops.is_sorted());
        for (step, along) in packet.steps.iter().zip(&route.stops) {
            let Some(station) = Station::of(&step.stage) else { continue };
            let at = route.line.at(*along);
            let rooms = made.rooms.iter();
            let mut places = rooms.flat_map(|room| {
                let node = &scene.nodes[room.node];
                let own = (node.place == step.place).then(|| room.station(station));
                let pod = room.pods.iter().find(|pod| node.pods[pod.pod].place == step.place);
                own.into_iter().chain(pod.and_then(|pod| pod_station(pod.rect, station)))
            });
            assert!(places.any(|place| place.contains(at)), "{} {} at {at:?}", step.place, step.stage);
            stopped += 1;
        }
        for pair in route.line.points.windows(2) {
            assert!(pair[0].x == pair[1].x || pair[0].y == pair[1].y, "wires run straight: {pair:?}");
        }
    }
    assert!(stopped > 40, "{stopped}");
}

#[test]
fn an_icmp_error_begins_where_its_packet_ended_and_an_echo_reply_among_the_processes() {
    let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
    let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
    let map = Map { scene: &scene, layout: &made, close: false };
    let mut request = flow.packets[0].clone();
    let forwarded = request.steps.iter().position(|step| step.stage == "forward").unwrap();
    request.steps.truncate(forwarded + 1);
    let mut error = flow.packets[0].clone();
    error.steps.truncate(1);
    error.steps[0].place = "node/worker-1".into();
    error.steps[0].device = String::new();
    let asked = map.route(&request, None);
    let room = made.rooms.iter().find(|room| scene.nodes[room.node].name == "worker-1").unwrap();
    let way = map.route(&error, Some((&request, &asked)));
    assert_eq!(way.line.at(way.stops[0]), *asked.line.points.last().unwrap());
    assert_ne!(way.line.at(way.stops[0]), room.own_processes());
    // What a process of the node was given is answered from there.
    request.steps[forwarded].stage = "deliver".into();
    let asked = map.route(&request, None);
    assert_eq!(*asked.line.points.last().unwrap(), room.own_processes());
    let way = map.route(&error, Some((&request, &asked)));
    assert_eq!(way.line.at(way.stops[0]), room.own_processes());
}

#[test]
fn a_node_is_taken_by_its_head_and_moved_by_its_empty_parts() {
    let scene = fixture::scene(3, 2);
    let made = layout(&scene, &Focus::default());
    let room = &made.rooms[0];
    let (head, inside) = (super::geometry::point(room.rect.x + 30.0, room.rect.y + 20.0), room.rect.bottom() - 3.0);
    assert_eq!(made.handle(head), Some(Target::Node(room.node)));
    let empty = super::geometry::point(room.rect.center().x, inside);
    assert_eq!((made.hit(empty), made.handle(empty)), (Some(Target::Node(room.node)), None));
    for pod in &room.pods {
        assert_eq!(made.handle(pod.rect.center()), Some(Target::Pod(room.node, pod.pod)));
    }
    let tile = &made.tiles[0];
    assert_eq!(made.handle(tile.rect.center()), Some(Target::Node(tile.node)));
}

#[test]
fn from_afar_there_are_fewer_words_and_larger_ones() {
    use super::picture::{Detail, picture};
    use super::prim::Prim;
    let scene = fixture::scene(70, 30);
    let focus = Focus::default();
    let made = layout(&scene, &focus);
    let texts = |scale: f64| -> Vec<(String, f64)> {
        let prims = picture(&scene, &made, &focus, Detail::at(scale)).prims;
        let of = |prim: Prim| match prim {
            Prim::Text { text, face, scale, .. } => Some((text, face.size() * scale)),
            _ => None,
        };
        prims.into_iter().filter_map(of).collect()
    };
    let said = |scale: f64, word: &str| texts(scale).into_iter().find(|(text, _)| text == word).map(|(_, size)| size);
    assert!(said(1.0, "worker-1").is_some() && said(1.0, "eth0").is_some());
    assert!(said(0.3, "worker-1") >= said(1.0, "worker-1").map(|size| size * 2.0));
    assert!(said(0.3, "eth0").is_none() && said(0.3, "32 Pods").is_some(), "{:?}", texts(0.3));
    assert!(said(1.0, "worker-9").is_none() && said(3.5, "worker-9").is_some(), "squares get names close by");
}

#[test]
fn what_stays_on_a_pod_s_loopback_stays_in_the_pod() {
    let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
    let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
    let map = Map { scene: &scene, layout: &made, close: false };
    let mut packet = flow.packets[0].clone();
    let sender = packet.steps[0].place.clone();
    packet.steps.retain(|step| step.place == sender);
    packet.steps.extend(packet.steps.clone());
    for (step, device) in packet.steps.iter_mut().zip(["", "lo", "lo", ""]) {
        step.device = device.into();
    }
    let of = |place: &str| {
        let mut rooms = made.rooms.iter();
        rooms.find_map(|room| {
            let pod = scene.nodes[room.node].pods.iter().position(|pod| pod.place == place)?;
            room.pods.iter().find(|at| at.pod == pod).map(|at| at.rect)
        })
    };
    let pod = of(&sender).unwrap();
    let route = map.route(&packet, None);
    assert!(route.line.points.iter().all(|at| pod.contains(*at)), "{:?} in {pod:?}", route.line.points);
    assert!(route.line.points.len() > 1, "there is a way to the loopback and back");
}

#[test]
fn what_is_not_tunnelled_goes_round_the_tunnel_device() {
    let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
    let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
    let map = Map { scene: &scene, layout: &made, close: false };
    let mut packet = flow.packets[0].clone();
    packet
        .steps
        .retain(|step| step.device != "flannel.1" && (!step.device.is_empty() || step.place.starts_with("seg")));
    let route = map.route(&packet, None);
    for room in &made.rooms {
        let tunnel = room.devices[room.tunnel.unwrap()].rect;
        for pair in route.line.points.windows(2) {
            let (x, y) = (pair[0].x.min(pair[1].x), pair[0].y.min(pair[1].y));
            let way = Rect { x, y, width: (pair[0].x - pair[1].x).abs(), height: (pair[0].y - pair[1].y).abs() };
            assert!(!way.grown(1.0).overlaps(tunnel), "{pair:?} runs through {tunnel:?}");
        }
    }
}
