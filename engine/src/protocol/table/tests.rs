//! What is marked where the journal does not reach back far enough.

use super::at;
use crate::cluster::Options;
use crate::protocol::{RowMark, TableView};
use crate::world::{ProbeKind, ProbeSpec, World};

const PODS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: worker-1, containers: [{name: c, image: \
                    busybox, command: [sleep, infinity]}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: \
                    {nodeName: worker-1, containers: [{name: c, image: nginx}]}\n";

fn marks(view: &TableView) -> Vec<RowMark> {
    view.rows.iter().map(|row| row.mark).collect()
}

#[test]
fn nothing_is_new_where_the_beginning_is_forgotten() {
    let mut world = World::new(Options::default());
    assert!(world.open_file("pods.yaml", PODS, true).committed);
    let pod = |world: &World, name: &str| world.revision().pod("default", name).expect("a Pod").clone();
    let (a, b) = (pod(&world, "a"), pod(&world, "b"));
    let kind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };
    let (from, to) = (a.netns.expect("it runs"), b.ip.clone().expect("an address").0);
    let flow = world.probe(&ProbeSpec { from, to, kind, timeout: 5_000_000_000 }).flow;
    let trace = world.recorder().get(flow).expect("the conversation");
    let (began, last) = (trace.flow.started_at, trace.packets[0].steps.len() - 1);
    let learned_at = trace.packets[0].steps[last].at;
    let view = |world: &mut World, table| at(world, (flow.0, 0, last as u32), "pod/default/a", table).expect("a table");
    let known = view(&mut world, "neigh");
    assert_eq!((&marks(&known)[..], &*known.note), (&[RowMark::Added][..], ""));
    world.forget_learned(began + 1);
    let half = view(&mut world, "neigh");
    assert_eq!(marks(&half), [RowMark::Same]);
    assert_eq!(half.note, "what had been learned when the conversation began is not remembered any more");
    let routes = view(&mut world, "route");
    assert_eq!(routes.note, "", "nothing is learned there");
    world.forget_learned(learned_at + 1);
    let nothing = view(&mut world, "neigh");
    assert_eq!((marks(&nothing), &*nothing.note), (Vec::new(), crate::explain::FORGOTTEN));
}
