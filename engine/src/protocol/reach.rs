//! The matrix of who can connect to whom, as the page's panel asks for it.

use super::{OriginView, ReachChange, ReachEnd, ReachView, Server, WhyBlocked, origin_view};
use crate::net::Protocol;
use crate::reach::{self, End, EndKind, Fate, Matrix, Ports, Solver, Which};
use crate::world::TableCache;

/// Most pairs that are named as changed.
const CHANGES_MAX: usize = 200;

/// `TCP`, `UDP`, `SCTP`, or `ICMP`, which has no ports: None.
fn protocol_named(name: &str) -> Result<Option<Protocol>, String> {
    match name {
        "ICMP" => Ok(None),
        "TCP" => Ok(Some(Protocol::Tcp)),
        "UDP" => Ok(Some(Protocol::Udp)),
        "SCTP" => Ok(Some(Protocol::Sctp)),
        other => Err(format!("unknown protocol {other:?}; one of ICMP, TCP, UDP, SCTP")),
    }
}

fn ports(protocol: &str, port: u16) -> Result<Ports, String> {
    if protocol.is_empty() {
        return Ok(Ports::Declared);
    }
    match protocol_named(protocol)? {
        None => Ok(Ports::Ping),
        Some(_) if port == 0 => Err("port 0: a number from 1 to 65535 is expected".to_owned()),
        Some(protocol) => Ok(Ports::One(protocol, port)),
    }
}

/// As `StepView.place`, but for what is outside.
fn place(end: &End) -> String {
    match end.kind {
        EndKind::Pod => format!("pod/{}", end.full_name()),
        EndKind::Node | EndKind::Outside => end.full_name(),
    }
}

impl Server {
    pub(super) fn reach(
        &mut self,
        (protocol, port): (&str, u16),
        (all, workloads): (bool, bool),
        since: Option<u64>,
    ) -> Result<ReachView, String> {
        reach::can_ask(self.world.revision())?;
        let ports = ports(protocol, port)?;
        let which = Which { all };
        let before = match since {
            None => None,
            Some(number) => {
                let revision = self.world.cluster().revision_at(number);
                let revision = revision.ok_or_else(|| format!("revision {number} is not kept (any more)"))?;
                reach::can_ask(revision)?;
                let mut tables = TableCache::new(revision.clone());
                Some(matrix(&mut self.solver, &mut tables, which, (ports, workloads)))
            }
        };
        let now = matrix(&mut self.solver, self.world.tables(), which, (ports, workloads));
        let (changes, changes_count) =
            before.map_or_else(Default::default, |before| reach::changes(&before, &now, CHANGES_MAX));
        let changes = changes.into_iter().map(|change| ReachChange {
            from: change.from,
            to: change.to,
            was: change.was.sign(),
            is: change.is.sign(),
        });
        Ok(ReachView { changes: changes.collect(), changes_count, ..view(&now) })
    }

    pub(super) fn reach_file(
        &mut self,
        (protocol, port): (&str, u16),
        (all, workloads): (bool, bool),
        form: &str,
    ) -> Result<Vec<u8>, String> {
        reach::can_ask(self.world.revision())?;
        let ports = ports(protocol, port)?;
        let matrix = matrix(&mut self.solver, self.world.tables(), Which { all }, (ports, workloads));
        match form {
            "csv" => Ok(reach::csv(&matrix).into_bytes()),
            "svg" => Ok(reach::svg(&matrix).into_bytes()),
            other => Err(format!("unknown form {other:?}; one of csv, svg")),
        }
    }

    pub(super) fn why_blocked(
        &mut self,
        (from, to): (&str, &str),
        (protocol, port): (&str, u16),
    ) -> Result<Option<WhyBlocked>, String> {
        reach::can_ask(self.world.revision())?;
        let ports = ports(protocol, port)?;
        let named = |name: &str| reach::end_named(self.world.revision(), name.strip_prefix("pod/").unwrap_or(name));
        let (from, to) = (named(from)?, named(to)?);
        let (solver, tables) = (&self.solver, self.world.tables());
        let found = ports.of(&to).into_iter().find_map(|asked| {
            let blocked = solver.blocked(tables, (&from, &to), asked)?;
            let asked = asked.0.map_or(Ports::Ping, |protocol| Ports::One(protocol, asked.1));
            Some((asked.title(), blocked))
        });
        let nowhere = || OriginView { label: String::new(), at: None, as_of_revision: None };
        Ok(found.map(|(asked, blocked)| {
            let cluster = self.world.cluster();
            let (table, text, command, origin) = blocked.row.map_or_else(
                || (String::new(), String::new(), String::new(), nowhere()),
                |(table, text, command, origin)| (table, text, command, origin_view(cluster, &origin)),
            );
            let (word, reason, place, reply) = (blocked.word, blocked.reason, blocked.place, blocked.reply);
            WhyBlocked { asked, word, reason, place, reply, table, text, command, origin }
        }))
    }
}

fn matrix(solver: &mut Solver, tables: &mut TableCache, which: Which, (ports, workloads): (Ports, bool)) -> Matrix {
    let ends = reach::ends(tables.revision(), which);
    let matrix = solver.matrix(tables, ends, ports);
    if workloads { matrix.workloads() } else { matrix }
}

fn view(matrix: &Matrix) -> ReachView {
    let end = |end: &End| ReachEnd {
        place: place(end),
        group: end.group().to_owned(),
        name: end.name.to_string(),
        node: end.node.to_string(),
    };
    let count = matrix.classes.len() as u32;
    let signs = |together: bool| {
        let sign = |from: u32, to: u32| matrix.class_fate(from, to, together).map_or(' ', Fate::sign);
        (0..count).map(|from| (0..count).map(|to| sign(from, to)).collect()).collect()
    };
    ReachView {
        title: matrix.ports.title(),
        ends: matrix.ends.iter().map(end).collect(),
        class_of: matrix.class_of.clone(),
        apart: signs(false),
        together: signs(true),
        changes: Vec::new(),
        changes_count: 0,
    }
}
