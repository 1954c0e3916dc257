//! `podhop reach`: who can open a connection to whom.

use crate::args::{self, number};
use crate::{Failure, input, say, usage};
use podhop_engine::net::Protocol;
use podhop_engine::reach::{self, End, Matrix, PortSet, Ports, Reached, Solver, Which};
use podhop_engine::world::World;
use serde_json::{Value, json};

/// Most ends whose pairs are asked for their ports, and most that are printed in full.
const RANGES_MAX: usize = 1_000;
const ENDS_MAX: usize = 20_000;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Text,
    Json,
    Csv,
    Svg,
}

#[derive(Default)]
struct Wanted {
    port: Option<u16>,
    protocol: Option<String>,
    ranges: bool,
    workloads: bool,
    which: Which,
    only: Vec<String>,
    form: Form,
}

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut wanted = Wanted::default();
    let common = args::parse(parser, |name, value| {
        match name {
            Some("--port") => wanted.port = Some(number(&value()?, "--port")?),
            Some("--protocol") => wanted.protocol = Some(value()?.to_ascii_uppercase()),
            Some("--ranges") => wanted.ranges = true,
            Some("--workloads") => wanted.workloads = true,
            Some("--all") => wanted.which.all = true,
            Some("--only") => wanted.only.push(value()?),
            Some("--json") => wanted.form = Form::Json,
            Some("--csv") => wanted.form = Form::Csv,
            Some("--svg") => wanted.form = Form::Svg,
            Some(other) => return usage(format!("podhop reach has no option {other}")),
            None => return usage(format!("podhop reach takes no argument {:?}", value()?)),
        }
        Ok(())
    })?;
    let asked = asked(&wanted)?;
    let mut world = input::open(&common)?;
    reach::can_ask(world.revision()).map_err(Failure::Usage)?;
    let ends = ends(&world, &wanted)?;
    match asked {
        Asked::Ranges(protocols) => ranges(&mut world, &ends, &protocols, &wanted),
        Asked::Matrix(ports) => {
            let matrix = Solver::default().matrix(world.tables(), ends, ports);
            let matrix = if wanted.workloads { matrix.workloads() } else { matrix };
            show(&matrix, wanted.form);
            Ok(())
        }
    }
}

enum Asked {
    Ranges(Vec<Protocol>),
    Matrix(Ports),
}

/// What the options ask for.
fn asked(wanted: &Wanted) -> Result<Asked, Failure> {
    let protocol = wanted.protocol.as_deref().map(|name| match name {
        "TCP" => Ok(Some(Protocol::Tcp)),
        "UDP" => Ok(Some(Protocol::Udp)),
        "SCTP" => Ok(Some(Protocol::Sctp)),
        "ICMP" => Ok(None),
        other => usage(format!("unknown protocol {other:?}; one of ICMP, TCP, UDP, SCTP")),
    });
    let protocol = protocol.transpose()?;
    if wanted.port == Some(0) {
        return usage("--port 0: a number from 1 to 65535 is expected");
    }
    if wanted.ranges {
        return match (wanted.port, protocol, wanted.workloads) {
            (Some(_), ..) => usage("--ranges is about all ports: leave --port or --ranges"),
            (_, Some(None), _) => usage("ICMP has no ports: leave --ranges or choose TCP, UDP or SCTP"),
            (.., true) => usage("--ranges is about Pods: leave --workloads or --ranges"),
            (_, Some(Some(protocol)), _) => Ok(Asked::Ranges(vec![protocol])),
            (_, None, _) if wanted.form == Form::Svg => usage("--ranges has no picture: --json or --csv"),
            _ => Ok(Asked::Ranges(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp])),
        };
    }
    Ok(Asked::Matrix(match (wanted.port, protocol) {
        (None, None) => Ports::Declared,
        (None, Some(None)) => Ports::Ping,
        (Some(_), Some(None)) => return usage("ICMP has no ports: leave --port or choose TCP, UDP or SCTP"),
        (None, Some(Some(protocol))) => {
            return usage(format!("--protocol {} needs --port N or --ranges", protocol.name()));
        }
        (Some(port), protocol) => Ports::One(protocol.flatten().unwrap_or(Protocol::Tcp), port),
    }))
}

/// The rows and columns: those that `--only` names, or all.
fn ends(world: &World, wanted: &Wanted) -> Result<Vec<End>, Failure> {
    let revision = world.revision();
    let named = wanted.only.iter().map(|name| reach::end_named(revision, name).map_err(Failure::Usage));
    let ends = match wanted.only.is_empty() {
        true => reach::ends(revision, wanted.which),
        false => named.collect::<Result<Vec<End>, Failure>>()?,
    };
    let max = if wanted.ranges { RANGES_MAX } else { ENDS_MAX };
    if ends.len() > max {
        return usage(format!("{} Pods are too many here, at most {max}: name some with --only", ends.len()));
    }
    Ok(ends)
}

fn show(matrix: &Matrix, form: Form) {
    match form {
        Form::Text => say(format_args!("{}", reach::text(matrix))),
        Form::Csv => say(format_args!("{}", reach::csv(matrix))),
        Form::Svg => say(format_args!("{}", reach::svg(matrix))),
        Form::Json => {
            let count = matrix.ends.len();
            let row = |from: usize| (0..count).map(|to| matrix.fate(from, to).sign()).collect::<String>();
            let rows: Vec<String> = (0..count).map(row).collect();
            let ends: Vec<Value> = matrix.ends.iter().map(end).collect();
            say(format_args!("{}\n", json!({"ports": matrix.ports.title(), "ends": ends, "matrix": rows})));
        }
    }
}

fn end(end: &End) -> Value {
    let ports: Vec<String> = end.ports.iter().map(|(protocol, port)| format!("{} {port}", protocol.name())).collect();
    json!({"name": end.full_name(), "node": &*end.node, "ip": end.ip.to_string(), "ports": ports})
}

fn ranges(world: &mut World, ends: &[End], protocols: &[Protocol], wanted: &Wanted) -> Result<(), Failure> {
    let mut all = Vec::new();
    if wanted.form == Form::Csv {
        say(format_args!("from,to,protocol,first,last\n"));
    }
    let mut told = |from: &End, to: &End, sets: &[Reached]| match wanted.form {
        Form::Csv => say(format_args!("{}", reach::ranges_csv(from, to, sets))),
        Form::Json => all.push(json!({"from": from.full_name(), "to": to.full_name(), "ports": intervals(sets)})),
        Form::Text | Form::Svg => say(format_args!("{}", reach::ranges_text(from, to, sets))),
    };
    Solver::default().ranges(world.tables(), ends, protocols, &mut told);
    if wanted.form == Form::Json {
        let ends: Vec<Value> = ends.iter().map(end).collect();
        say(format_args!("{}\n", json!({"ends": ends, "ranges": all})));
    }
    Ok(())
}

/// By protocol the intervals of ports that connect, both ends inclusive.
fn intervals(reached: &[Reached]) -> Value {
    let of = |ports: &PortSet| ports.intervals().iter().map(|(first, last)| json!([first, last])).collect::<Vec<_>>();
    let by_name = reached.iter().map(|reached| (reached.protocol.name().to_owned(), json!(of(&reached.ports))));
    by_name.collect::<serde_json::Map<_, _>>().into()
}
