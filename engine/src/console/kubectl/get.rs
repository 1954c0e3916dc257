//! `kubectl get`. Models k8s.io/kubectl pkg/cmd/get get.go.

use super::flags::{Flag, Parsed, Takes, flag};
use super::output::{self, Format};
use super::resource::{self, Selection};
use super::table::TableOptions;
use super::{Command, Failure, jsonpath::JsonPath, not_found, printers};
use crate::cluster::{FieldSelector, Kind, Object, ObjectKey, Revision, api_object, parse_selector};
use crate::manifest::{Node, Value};
use std::cmp::Ordering;
use std::sync::Arc;

pub const FLAGS: &[Flag] = &[
    flag("output", 'o', Takes::Value),
    flag("all-namespaces", 'A', Takes::Bool),
    flag("selector", 'l', Takes::Value),
    flag("field-selector", ' ', Takes::Value),
    flag("show-labels", ' ', Takes::Bool),
    flag("no-headers", ' ', Takes::Bool),
    flag("label-columns", 'L', Takes::Value),
    flag("sort-by", ' ', Takes::Value),
    flag("show-kind", ' ', Takes::Bool),
    flag("ignore-not-found", ' ', Takes::Bool),
    flag("filename", 'f', Takes::Value),
    flag("watch", 'w', Takes::Bool),
    flag("watch-only", ' ', Takes::Bool),
    flag("chunk-size", ' ', Takes::Value),
    flag("show-managed-fields", ' ', Takes::Bool),
    flag("allow-missing-template-keys", ' ', Takes::Bool),
    flag("server-print", ' ', Takes::Bool),
];

const NO_RESOURCE: &str = "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of \
                           supported resources.\n\nerror: Required resource not specified.\nUse \"kubectl explain \
                           <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).\nSee \
                           'kubectl get -h' for help and examples\n";

/// Objects of one kind, or one object that was named.
struct Group {
    kind: Kind,
    objects: Vec<Arc<Object>>,
}

/// What was found, and the errors about what was not.
pub struct Found {
    groups: Vec<Group>,
    pub errors: Vec<String>,
}

impl Found {
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.groups.iter().flat_map(|group| &group.objects)
    }
}

/// Runs `kubectl get`.
pub fn get(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    if parsed.is("watch") || parsed.is("watch-only") {
        return Err(Failure::error(
            "podhop's kubectl has no --watch: every command sees the cluster when it has settled",
        ));
    }
    if parsed.arguments.is_empty() && !parsed.has("filename") {
        return Err(Failure::Text(NO_RESOURCE.into()));
    }
    let format = Format::parse(parsed.value("output"))?;
    let selection = match command.named_in_files(parsed)? {
        Some(selection) => selection,
        None => resource::select(&parsed.arguments, command.revision())?,
    };
    if selection.kinds.iter().any(|kind| kind.kind == "Endpoints" && kind.group.is_empty()) {
        let warning = "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n";
        command.io.err(warning);
    }
    let single = selection.names.len() == 1;
    let found = find(command, parsed, &selection)?;
    let now = command.machine.world.now();
    let errors = found.errors.clone();
    let mut printed = String::new();
    match format {
        Format::Table { wide } => printed = tables(command, parsed, &found, wide, now)?,
        Format::Name => {
            for object in found.objects() {
                printed.push_str(&format!("{}\n", object.key));
            }
        }
        // One object that does not exist leaves nothing to print.
        _ if single && !errors.is_empty() => {}
        format => {
            let mut objects: Vec<Node> =
                found.objects().filter_map(|object| api_object(command.revision(), &object.key)).collect();
            if let Some(path) = parsed.value("sort-by") {
                sort(&mut objects, path, |object| object)?;
            }
            printed = output::print(&format, objects, single)?;
        }
    }
    command.io.out(&printed);
    if printed.is_empty() && errors.is_empty() && !parsed.is("ignore-not-found") && found.objects().next().is_none() {
        let namespaced = selection.kinds.iter().all(|kind| kind.namespaced);
        command.io.err(&match namespaced && !parsed.is("all-namespaces") {
            true => format!("No resources found in {} namespace.\n", command.namespace(parsed)),
            false => "No resources found\n".to_string(),
        });
    }
    for error in &errors {
        command.io.err(&format!("{error}\n"));
    }
    Ok(i32::from(!errors.is_empty()))
}

/// The objects that arguments and selectors mean.
pub fn find(command: &Command<'_, '_>, parsed: &Parsed, selection: &Selection) -> Result<Found, Failure> {
    let revision = command.revision();
    let namespace = command.namespace(parsed);
    let everywhere = parsed.is("all-namespaces");
    let mut found = Found { groups: Vec::new(), errors: Vec::new() };
    if !selection.names.is_empty() {
        if everywhere && selection.names.iter().any(|(kind, _)| kind.namespaced) {
            return Err(Failure::error("a resource cannot be retrieved by name across all namespaces"));
        }
        if parsed.has("selector") || parsed.has("field-selector") {
            return Err(Failure::error("name cannot be provided when a selector is specified"));
        }
        for (index, (kind, name)) in selection.names.iter().enumerate() {
            let key = key(kind, selection.namespaces.get(index).unwrap_or(&namespace), name);
            match revision.object(&key) {
                Some(object) => found.groups.push(Group { kind: kind.clone(), objects: vec![object.clone()] }),
                None if parsed.is("ignore-not-found") => {}
                None => found.errors.push(not_found(kind, name)),
            }
        }
        return Ok(found);
    }
    let (label_text, field_text) = (parsed.value("selector"), parsed.value("field-selector"));
    for kind in &selection.kinds {
        let bad = |problem: String| {
            let (group, kind) = (&kind.group, &kind.plural);
            let (labels, fields) = (label_text.unwrap_or_default(), field_text.unwrap_or_default());
            Failure::Text(format!(
                "Error from server (BadRequest): Unable to find \"{group}/v1, Resource={kind}\" that match label selector \"{labels}\", field selector \"{fields}\": {problem}\n"
            ))
        };
        let labels = label_text.map(parse_selector).transpose().map_err(bad)?;
        let fields = field_text.map(|text| FieldSelector::parse(text, &kind.kind)).transpose().map_err(bad)?;
        let within = (kind.namespaced && !everywhere).then_some(namespace.as_str());
        let objects = revision
            .list(&kind.kind, within)
            .filter(|object| object.key.group == kind.group)
            .filter(|object| labels.as_ref().is_none_or(|labels| labels.matches(&object.labels)))
            .filter(|object| fields.as_ref().is_none_or(|fields| fields.matches(object, revision)));
        found.groups.push(Group { kind: kind.clone(), objects: objects.cloned().collect() });
    }
    Ok(found)
}

/// The key of an object that was named.
pub fn key(kind: &Kind, namespace: &str, name: &str) -> ObjectKey {
    let namespace = if kind.namespaced { namespace } else { "" };
    ObjectKey { kind: kind.kind.clone(), group: kind.group.clone(), namespace: namespace.into(), name: name.into() }
}

/// One table for each run of objects of one kind, an empty line between them.
fn tables(command: &Command<'_, '_>, parsed: &Parsed, found: &Found, wide: bool, now: u64) -> Result<String, Failure> {
    let kinds = found.groups.iter().map(|group| &group.kind).collect::<Vec<_>>();
    let several = kinds.windows(2).any(|pair| pair[0] != pair[1]);
    let revision = command.revision();
    let mut text = String::new();
    let mut at = 0;
    while at < found.groups.len() {
        let kind = kinds[at];
        let length = kinds[at..].iter().take_while(|other| **other == kind).count();
        let groups = &found.groups[at..at + length];
        at += length;
        let mut table = printers::table(kind);
        let mut rows = Vec::new();
        for object in groups.iter().flat_map(|group| &group.objects) {
            if let Some(api) = api_object(revision, &object.key) {
                let row = printers::row(kind, object, &api, now);
                rows.push((row, if parsed.has("sort-by") { Some(api) } else { None }));
            }
        }
        if let Some(path) = parsed.value("sort-by") {
            sort(&mut rows, path, |(_, api)| api.as_ref().unwrap_or(&NOTHING))?;
        }
        table.rows = rows.into_iter().map(|(row, _)| row).collect();
        let options = TableOptions {
            wide,
            no_headers: parsed.is("no-headers"),
            with_namespace: parsed.is("all-namespaces") && kind.namespaced,
            with_kind: (several || parsed.is("show-kind")).then(|| resource::singular(kind)),
            show_labels: parsed.is("show-labels"),
            label_columns: parsed.values("label-columns").iter().map(|label| label.to_string()).collect(),
        };
        let printed = table.print(&options);
        if !printed.is_empty() && !text.is_empty() && !options.no_headers {
            text.push('\n');
        }
        text.push_str(&printed);
    }
    Ok(text)
}

static NOTHING: Node = Node { value: Value::Null, span: crate::manifest::Span { source: 0, start: 0, end: 0 } };

/// Sorts by what a path finds. Models kubectl pkg/cmd/get sorter.go.
fn sort<T>(items: &mut [T], path: &str, object: impl Fn(&T) -> &Node) -> Result<(), Failure> {
    let path = JsonPath::parse(&output::relaxed(path)?)?;
    let first = |item: &T| -> Option<Value> {
        let found = path.find(object(item)).ok()?;
        found.into_iter().flatten().next().map(|node| node.value.clone())
    };
    if !items.is_empty() && items.iter().all(|item| first(item).is_none()) {
        return Err(Failure::error("couldn't find any field with the given path in the list of objects"));
    }
    items.sort_by_cached_key(|item| Sortable(first(item)));
    Ok(())
}

#[derive(PartialEq)]
struct Sortable(Option<Value>);

impl Eq for Sortable {}

impl PartialOrd for Sortable {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sortable {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(Value::Int(left)), Some(Value::Int(right))) => left.cmp(right),
            (Some(Value::Float(left)), Some(Value::Float(right))) => left.total_cmp(right),
            (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
            (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }
}

/// The revision that commands read.
impl Command<'_, '_> {
    pub fn revision(&self) -> &Revision {
        self.machine.world.revision()
    }
}
