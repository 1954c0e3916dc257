//! `calicoctl get`. Models calicoctl/calicoctl/commands/get.go and common.

use super::super::options::{Options, Spec};
use super::kinds::{self, COLUMNS, Resource};
use super::table::columns;
use super::{Complaint, invalid, is_installed, not_installed, trees};
use crate::cluster::Revision;
use crate::cluster::api::build::{list, map, sort, text};
use crate::console::kubectl::printers::field;
use crate::console::shell::Io;
use crate::manifest::Node;
use crate::manifest::emit::{json, yaml};

/// Its options.
pub const SPEC: Spec = Spec {
    short: "o:n:Aac:f:R1:234",
    long: &[
        ("output", 'o'),
        ("namespace", 'n'),
        ("all-namespaces", 'A'),
        ("config", 'c'),
        ("filename", 'f'),
        ("recursive", 'R'),
        ("context", '1'),
        ("export", '2'),
        ("skip-empty", '3'),
        ("allow-version-mismatch", '4'),
    ],
    operand_ends: false,
};

enum Format<'a> {
    Columns { wide: bool, names: Option<Vec<&'a str>> },
    Yaml,
    Json,
}

#[derive(Default)]
struct Line<'a> {
    output: Option<&'a str>,
    namespace: Option<&'a str>,
    everywhere: bool,
    operands: Vec<&'a str>,
}

/// Resources that were found together: those of a list, or one that was named.
struct Found {
    trees: Vec<Node>,
    is_list: bool,
}

pub fn run(revision: &Revision, words: &[String], io: &mut Io) -> Result<i32, Complaint> {
    let line = read(words)?;
    let format = format(line.output.unwrap_or("ps"))?;
    let [word, names @ ..] = &line.operands[..] else { return Err(invalid(words)) };
    let resource = kinds::kind(word)?;
    let (found, errors) = find(revision, resource, names, &line);
    let with_namespace = (line.everywhere || line.namespace.is_some()) && resource.namespaced;
    io.out(&print(revision, resource, &found, (&format, with_namespace))?);
    if errors.is_empty() { Ok(0) } else { Err(errors.join("\n")) }
}

fn read(words: &[String]) -> Result<Line<'_>, Complaint> {
    let mut options = Options::new(SPEC, words);
    let mut line = Line::default();
    while let Some(option) = options.next() {
        let (letter, value) = option.map_err(|_| invalid(words))?;
        match letter {
            'o' => line.output = Some(value),
            'n' => line.namespace = Some(value),
            'A' | 'a' => line.everywhere = true,
            'f' => return Err("podhop's calicoctl reads no files: name a kind, and resources after it".to_owned()),
            _ => {}
        }
    }
    line.operands = options.operands;
    Ok(line)
}

fn format(output: &str) -> Result<Format<'_>, Complaint> {
    let (key, value) = output.split_once('=').unwrap_or((output, ""));
    match (output, key) {
        ("yaml" | "yml", _) => Ok(Format::Yaml),
        ("json", _) => Ok(Format::Json),
        ("ps" | "wide", _) => Ok(Format::Columns { wide: output == "wide", names: None }),
        (_, "custom-columns") if value.is_empty() => Err("need to specify at least one column".to_owned()),
        (_, "custom-columns") => Ok(Format::Columns { wide: false, names: Some(value.split(',').collect()) }),
        (_, "go-template" | "go-template-file") => {
            Err(format!("podhop's calicoctl has no {key}: use -o custom-columns=…, yaml or json"))
        }
        _ => Err(format!("unrecognized output format '{output}'")),
    }
}

fn find(revision: &Revision, resource: &Resource, names: &[&str], line: &Line<'_>) -> (Vec<Found>, Vec<Complaint>) {
    if line.everywhere && line.namespace.is_some() && resource.namespaced {
        let problem = "cannot use both --namespace and --all-namespaces flags at the same time";
        return (Vec::new(), vec![problem.to_owned()]);
    }
    if !resource.namespaced && (line.everywhere || line.namespace.is_some()) {
        return (Vec::new(), vec![format!("{} is not namespaced", resource.kind)]);
    }
    if line.everywhere && !names.is_empty() {
        return (Vec::new(), vec!["cannot use --all-namespace flag for getting a single resource".to_owned()]);
    }
    let namespace = line.namespace.unwrap_or("default");
    let missing = resource.crd.filter(|_| !is_installed(revision)).map(|crd| format!("{crd}.crd.projectcalico.org"));
    let within = if resource.namespaced && !line.everywhere { Some(namespace) } else { None };
    if names.is_empty() {
        if let Some(missing) = missing {
            let about = within.map_or_else(|| "*".to_owned(), |namespace| format!("{namespace}/*"));
            return (Vec::new(), vec![not_installed(&format!("{}({about})", resource.kind), &missing)]);
        }
        return (vec![Found { trees: trees::list_of(revision, resource, within), is_list: true }], Vec::new());
    }
    let all = if missing.is_none() { trees::list_of(revision, resource, within) } else { Vec::new() };
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        let place = if resource.namespaced { format!("{namespace}/") } else { String::new() };
        let identifier = format!("{}({place}{name})", resource.kind);
        match (all.iter().find(|tree| field(tree, "metadata.name") == **name), &missing) {
            (Some(tree), _) => found.push(Found { trees: vec![tree.clone()], is_list: false }),
            (None, Some(missing)) => errors.push(not_installed(&identifier, &format!("{missing} {name}"))),
            (None, None) => {
                errors.push(format!("resource does not exist: {identifier} with error: {}", why(resource, name)));
            }
        }
    }
    (found, errors)
}

/// The API server's words about what calicoctl has asked it for.
fn why(resource: &Resource, name: &str) -> String {
    let not_found = |plural: &str, name: &str| format!("{plural} \"{name}\" not found");
    match (resource.kind, resource.crd) {
        (_, Some(crd)) => not_found(&format!("{}.crd.projectcalico.org", crd.to_ascii_lowercase()), name),
        ("Node", _) => not_found("nodes", name),
        ("Profile", _) => {
            match (name.strip_prefix("kns."), name.strip_prefix("ksa.").and_then(|it| it.split_once('.'))) {
                (Some(namespace), _) => not_found("namespaces", namespace),
                (None, Some((_, account))) => not_found("serviceaccounts", account),
                (None, None) => format!("Invalid name {name}"),
            }
        }
        _ => match name.split_once("-k8s-").and_then(|(_, rest)| rest.strip_suffix("-eth0")) {
            Some(pod) => not_found("pods", &pod.replace("--", "-")),
            None => "malformed WorkloadEndpoint name - unable to determine Pod name".to_owned(),
        },
    }
}

fn print(
    revision: &Revision,
    resource: &Resource,
    found: &[Found],
    (format, with_namespace): (&Format<'_>, bool),
) -> Result<String, Complaint> {
    let Format::Columns { wide, names } = format else { return Ok(whole(revision, resource, found, format)) };
    let known = COLUMNS.iter().find(|(kind, _)| *kind == resource.kind).map_or(&[][..], |(_, columns)| columns);
    let default = if *wide { resource.wide } else { resource.columns };
    let names = names.clone().unwrap_or_else(|| default.to_vec());
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!("unknown heading {unknown}, valid values are: {}", known.join(", ")));
    }
    let names: Vec<&str> = with_namespace.then_some("NAMESPACE").into_iter().chain(names).collect();
    let table = |found: &Found| {
        let mut rows = vec![names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>()];
        let row = |tree: &Node| names.iter().map(|name| kinds::cell(revision, resource, name, tree)).collect();
        rows.extend(found.trees.iter().map(row));
        columns(&rows) + "\n"
    };
    Ok(found.iter().map(table).collect())
}

/// A list is one object with its items; of several that were named there is a plain list.
fn whole(revision: &Revision, resource: &Resource, found: &[Found], format: &Format<'_>) -> String {
    let mut roots: Vec<Node> = found
        .iter()
        .map(|found| match found {
            Found { trees, is_list: false } => trees.first().cloned().unwrap_or_else(|| map([])),
            Found { trees, .. } => map([
                ("apiVersion", text("projectcalico.org/v3")),
                ("items", list(trees.clone())),
                ("kind", text(format!("{}List", resource.kind))),
                ("metadata", map([("resourceVersion", text(revision.number.to_string()))])),
            ]),
        })
        .collect();
    let mut root = if roots.len() == 1 { roots.remove(0) } else { list(roots) };
    sort(&mut root);
    if matches!(format, Format::Yaml) {
        return yaml(&root);
    }
    // kubectl indents by four blanks, calicoctl by two.
    let halved = |line: &str| {
        let text = line.trim_start_matches(' ');
        format!("{}{text}\n", " ".repeat((line.len() - text.len()) / 2))
    };
    json(&root).lines().map(halved).collect()
}
