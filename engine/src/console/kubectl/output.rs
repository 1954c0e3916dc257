//! `-o`: what objects are printed as.

use super::go;
use super::jsonpath::JsonPath;
use super::table::align;
use crate::manifest::emit::{json, yaml};
use crate::manifest::{Key, Node, Span, Value};

/// A format that does not need a table.
#[derive(Debug)]
pub enum Format {
    Table {
        wide: bool,
    },
    Yaml,
    Json,
    Name,
    /// With the template as given, for messages.
    JsonPath(String, JsonPath),
    CustomColumns(Vec<(String, JsonPath)>),
}

const ALLOWED: &str = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,\
                       jsonpath-file,name,template,templatefile,wide,yaml";

/// Formats that are available: the name, `=` where a template follows, and what is printed.
pub const FORMATS: [(&str, &str); 6] = [
    ("wide", "a table with more columns"),
    ("yaml", "the objects as YAML"),
    ("json", "the objects as JSON"),
    ("name", "kind and name only"),
    ("jsonpath=", "what a path finds"),
    ("custom-columns=", "a table of your own"),
];

impl Format {
    /// Reads the value of `-o`. Err: the message after `error: `.
    pub fn parse(text: Option<&str>) -> Result<Format, String> {
        let Some(text) = text else { return Ok(Format::Table { wide: false }) };
        let (name, argument) = text.split_once('=').unwrap_or((text, ""));
        Ok(match name {
            "" => Format::Table { wide: false },
            "wide" => Format::Table { wide: true },
            "yaml" => Format::Yaml,
            "json" => Format::Json,
            "name" => Format::Name,
            "jsonpath" if argument.is_empty() => return Err("template format specified but no template given".into()),
            "jsonpath" => {
                let path = JsonPath::parse(argument)
                    .map_err(|problem| format!("error parsing jsonpath {argument}, {problem}"))?;
                Format::JsonPath(argument.to_string(), path)
            }
            "custom-columns" => Format::CustomColumns(custom_columns(argument)?),
            "go-template"
            | "go-template-file"
            | "template"
            | "templatefile"
            | "jsonpath-as-json"
            | "jsonpath-file"
            | "custom-columns-file" => {
                return Err(format!("podhop's kubectl has no {name}: use -o jsonpath=… or -o custom-columns=…"));
            }
            _ => {
                return Err(format!(
                    "unable to match a printer suitable for the output format \"{name}\", allowed formats are: {ALLOWED}"
                ));
            }
        })
    }
}

/// `NAME:.metadata.name,IP:.status.podIP`. Models kubectl pkg/cmd/get customcolumn.go.
fn custom_columns(text: &str) -> Result<Vec<(String, JsonPath)>, String> {
    if text.is_empty() {
        return Err("custom-columns format specified but no custom columns given".into());
    }
    let mut columns = Vec::new();
    for column in split_outside_brackets(text) {
        let Some((header, path)) = column.split_once(':') else {
            return Err(format!("unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>"));
        };
        let path = relaxed(path)?;
        let parsed = JsonPath::parse(&path).map_err(|problem| format!("error parsing jsonpath {path}, {problem}"))?;
        columns.push((header.to_string(), parsed));
    }
    Ok(columns)
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `metadata.name`, `.metadata.name` and `{.metadata.name}` are the same. Models RelaxedJSONPathExpression.
pub fn relaxed(path: &str) -> Result<String, String> {
    let inner = path.strip_prefix('{').map_or(Some(path), |inner| inner.strip_suffix('}'));
    match inner.map(|inner| inner.strip_prefix('.').unwrap_or(inner)) {
        Some(inner) if !inner.contains(['{', '}']) => {
            Ok(if inner.is_empty() { String::new() } else { format!("{{.{inner}}}") })
        }
        _ => Err(format!(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or '{{.name1.name2}}', got {path}"
        )),
    }
}

/// A `List` of objects, as kubectl makes one.
pub fn list(items: Vec<Node>) -> Node {
    let node = |value| Node { value, span: Span::default() };
    let text = |text: &str| node(Value::String(text.into()));
    let map = |entries: Vec<(&str, Node)>| {
        let entries =
            entries.into_iter().map(|(name, value)| (Key { name: name.into(), span: Span::default() }, value));
        node(Value::Mapping(entries.collect()))
    };
    map(vec![
        ("apiVersion", text("v1")),
        ("items", node(Value::Sequence(items))),
        ("kind", text("List")),
        ("metadata", map(vec![("resourceVersion", text(""))])),
    ])
}

/// Prints objects in a format that is no table: one object by itself, several as a List.
pub fn print(format: &Format, objects: Vec<Node>, single: bool) -> Result<String, String> {
    if let Format::CustomColumns(columns) = format {
        return print_columns(columns, &objects);
    }
    let mut objects = objects;
    let root = if single && objects.len() == 1 { objects.remove(0) } else { list(objects) };
    Ok(match format {
        Format::Yaml => yaml(&root),
        Format::Json => json(&root),
        Format::JsonPath(template, path) => path.execute(&root).map_err(|problem| {
            format!(
                "error executing jsonpath \"{template}\": Error executing template: {problem}. Printing more information \
                 for debugging the template:\n\ttemplate was:\n\t\t{template}\n\tobject given to jsonpath engine \
                 was:\n\t\t{}\n\n",
                go::syntax(&root)
            )
        })?,
        _ => String::new(),
    })
}

fn print_columns(columns: &[(String, JsonPath)], objects: &[Node]) -> Result<String, String> {
    let mut lines = vec![columns.iter().map(|(header, _)| header.clone()).collect::<Vec<_>>()];
    for object in objects {
        let mut line = Vec::new();
        for (_, path) in columns {
            let found = path.find(object)?;
            let values: Vec<String> = found.into_iter().flatten().map(go::value).collect();
            line.push(if values.is_empty() { "<none>".to_string() } else { values.join(",") });
        }
        lines.push(line);
    }
    Ok(align(&lines))
}
