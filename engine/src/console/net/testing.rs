//! A small cluster to run tools in: nodes `control-plane`, `worker-1`, `worker-2`, and three Pods.

use crate::cluster::{Options, PodKey};
use crate::console::machine::{Context, Effects, Machine};
use crate::console::shell::{self, Dialect, Io, Session};
use crate::world::World;

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: busy}
spec: {nodeName: worker-1, containers: [{name: c, image: 'busybox:1.37', command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {nodeName: worker-2, containers: [{name: c, image: 'nginx:1.27'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: net}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: adm}
spec:
  nodeName: worker-2
  containers: [{name: c, image: busybox, command: [sleep, infinity], securityContext: {capabilities: {add: [NET_ADMIN]}}}]
";

pub struct Lab {
    pub world: World,
    pub effects: Effects,
}

/// What a line printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub out: String,
    pub err: String,
    pub status: i32,
    /// Packets that stretches of output are about.
    pub about: Vec<(u32, u32)>,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::with(Options::default())
    }
}

impl Lab {
    pub fn with(options: Options) -> Lab {
        let mut world = World::new(options);
        let applied = world.open_file("pods.yaml", PODS, true);
        assert!(applied.committed, "{:?}", applied.diagnostics);
        Lab { world, effects: Effects::default() }
    }
}

impl Lab {
    /// The address of a Pod of namespace `default`.
    pub fn ip(&self, pod: &str) -> String {
        let record = self.world.revision().pod("default", pod);
        record.and_then(|record| record.ip.as_ref()).map(|(ip, _)| ip.to_string()).expect(pod)
    }

    /// Runs a line in a Pod (by name), on a node (`@worker-1`) or on the host (`@`). `{busy}` becomes Pod a's address.
    pub fn run(&mut self, place: &str, line: &str) -> Ran {
        let mut line = line.to_owned();
        for pod in ["busy", "web", "net", "adm"] {
            line = line.replace(&format!("{{{pod}}}"), &self.ip(pod));
        }
        let context = match place.strip_prefix('@') {
            Some("") => Context::Host,
            Some(node) => Context::Node { name: node.into() },
            None => Context::Container { pod: PodKey::new("default", place), container: 0 },
        };
        let mut machine = Machine { world: &mut self.world, context, effects: &mut self.effects };
        let mut session = Session::new("sh", Dialect::Ash, "/");
        let mut io = Io::new("");
        let outcome = shell::run(&line, &mut machine, &mut session, &mut io);
        let (out, err) = io.texts();
        let about = io.take_chunks().iter().filter_map(|chunk| chunk.about).collect();
        Ran { out, err, status: outcome.status, about }
    }

    /// Both streams of a line that must end with this status.
    pub fn text(&mut self, place: &str, line: &str, status: i32) -> String {
        let ran = self.run(place, line);
        assert_eq!(ran.status, status, "{line}: {ran:?}");
        ran.out + &ran.err
    }
}
