//! A scenario's Markdown as blocks.

use crate::cluster::Options;
use crate::manifest::{Diagnostics, Node, Source, Value, parse};

/// One command of a `console` fence and what it must print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// 1-based line of the prompt.
    pub line: usize,
    /// Continuation lines are joined by newlines.
    pub command: String,
    /// The expected output, line by line, and the lines it stands in: first, and the one after the last.
    pub expected: Vec<String>,
    pub expected_lines: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Prose, as it stands.
    Prose {
        line: usize,
        text: String,
    },
    /// A manifest with its file name.
    File {
        line: usize,
        name: String,
        text: String,
    },
    Console {
        line: usize,
        steps: Vec<Step>,
    },
    Probe {
        line: usize,
        text: String,
    },
    /// What must be wrong with the cluster at this point; the lines it stands in are its first and the one after its
    /// last.
    Problems {
        line: usize,
        expected: Vec<String>,
        expected_lines: (usize, usize),
    },
    /// Any other fence: shown, not run.
    Code {
        line: usize,
        language: String,
        text: String,
    },
}

/// A scenario.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub title: String,
    pub summary: String,
    pub order: i64,
    pub options: Options,
    pub blocks: Vec<Block>,
}

/// Prompts that begin a command.
const PROMPTS: [&str; 4] = ["$ ", "/ # ", "# ", "root@"];

impl Document {
    /// Reads a scenario; on an error says `line: message`.
    pub fn parse(text: &str) -> Result<Document, String> {
        let mut document = Document::default();
        let lines: Vec<&str> = text.lines().collect();
        let mut at = document.front_matter(&lines)?;
        let mut prose: Option<(usize, String)> = None;
        let mut files_count = 0;
        while at < lines.len() {
            let line = lines[at];
            let indent = line.len() - line.trim_start().len();
            let Some(info) = line.trim_start().strip_prefix("```") else {
                let (_, text) = prose.get_or_insert((at + 1, String::new()));
                text.push_str(line);
                text.push('\n');
                at += 1;
                continue;
            };
            document.flush(&mut prose);
            let end = lines[at + 1..].iter().position(|l| l.trim() == "```");
            let end = at + 1 + end.ok_or_else(|| format!("{}: this fence is not closed by ```", at + 1))?;
            let body: Vec<&str> =
                lines[at + 1..end].iter().map(|l| l.get(indent..).unwrap_or(l.trim_start())).collect();
            document.fence(info, at + 1, &body, &mut files_count)?;
            at = end + 1;
        }
        document.flush(&mut prose);
        Ok(document)
    }

    fn flush(&mut self, prose: &mut Option<(usize, String)>) {
        if let Some((line, text)) = prose.take().filter(|(_, text)| !text.trim().is_empty()) {
            self.blocks.push(Block::Prose { line, text });
        }
    }

    fn fence(&mut self, info: &str, line: usize, body: &[&str], files_count: &mut u32) -> Result<(), String> {
        let language = info.split_whitespace().next().unwrap_or_default();
        let text = || body.iter().map(|l| format!("{l}\n")).collect::<String>();
        let block = match language {
            "yaml" | "yml" => {
                *files_count += 1;
                let title =
                    info.split_once("title=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
                let name = title.map_or_else(|| format!("manifest-{files_count}.yaml"), str::to_owned);
                Block::File { line, name, text: text() }
            }
            "console" => Block::Console { line, steps: steps(body, line + 1)? },
            "probe" => Block::Probe { line, text: text() },
            "problems" => Block::Problems {
                line,
                expected: body.iter().map(|line| (*line).to_owned()).collect(),
                expected_lines: (line + 1, line + 1 + body.len()),
            },
            _ => Block::Code { line, language: language.to_owned(), text: text() },
        };
        self.blocks.push(block);
        Ok(())
    }

    /// Reads the part between two `---` lines at the top; returns the index of the first line after it.
    fn front_matter(&mut self, lines: &[&str]) -> Result<usize, String> {
        if lines.first().map(|l| l.trim_end()) != Some("---") {
            return Ok(0);
        }
        let end = lines[1..].iter().position(|l| l.trim_end() == "---");
        let end = 1 + end.ok_or("1: the front matter is not closed by ---")?;
        let source = Source::new(0, "front matter", lines[1..end].join("\n"));
        let mut diagnostics = Diagnostics::default();
        let documents = parse(&source, &mut diagnostics);
        if let Some(first) = diagnostics.iter().next() {
            let (line, _) = source.position(first.span.start as usize);
            return Err(format!("{}: {}", line + 1, first.message));
        }
        let Some(root) = documents.first().map(|document| &document.root) else { return Ok(end + 1) };
        for (key, value) in root.entries() {
            let (line, _) = source.position(key.span.start as usize);
            self.setting(&key.name, value).map_err(|message| format!("{}: {message}", line + 1))?;
        }
        Ok(end + 1)
    }

    fn setting(&mut self, key: &str, value: &Node) -> Result<(), String> {
        match (key, &value.value) {
            ("title", Value::String(text)) => self.title = text.to_string(),
            ("summary", Value::String(text)) => self.summary = text.to_string(),
            ("order", Value::Int(order)) => self.order = *order,
            ("cluster", Value::Mapping(entries)) => {
                for (key, value) in entries {
                    self.cluster_setting(&key.name, value)?;
                }
            }
            ("title" | "summary" | "order" | "cluster", _) => return Err(format!("{key} has the wrong type")),
            _ => return Err(format!("unknown key {key:?}; one of title, summary, order, cluster")),
        }
        Ok(())
    }

    fn cluster_setting(&mut self, key: &str, value: &Node) -> Result<(), String> {
        match (key, &value.value) {
            ("cni", Value::String(name)) => self.options.cni = Some(name.parse()?),
            ("proxy", Value::String(name)) => self.options.proxy = Some(name.parse()?),
            ("nodes", Value::Int(count)) => {
                self.options.workers_count = Some(u32::try_from(*count).map_err(|_| "nodes is a count")?);
            }
            ("seed", Value::Int(seed)) => self.options.seed = u64::try_from(*seed).map_err(|_| "seed is a count")?,
            ("mesh", Value::String(name)) if &**name == "none" => {}
            ("mesh", Value::String(name)) => return Err(format!("the mesh {name} is not simulated yet")),
            _ => return Err(format!("unknown cluster setting {key:?}; one of cni, proxy, mesh, nodes, seed")),
        }
        Ok(())
    }
}

/// Commands and outputs of a console fence whose first line is `first_line`.
fn steps(body: &[&str], first_line: usize) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (i, line) in body.iter().enumerate() {
        let number = first_line + i;
        if let Some(command) = command_of(line) {
            let expected_lines = (number + 1, number + 1);
            steps.push(Step { line: number, command: command.to_owned(), expected: Vec::new(), expected_lines });
            continue;
        }
        let Some(step) = steps.last_mut() else {
            return Err(format!("{number}: a console fence begins with a prompt, such as `$ kubectl get pods`"));
        };
        match line.strip_prefix("> ").or(if *line == ">" { Some("") } else { None }) {
            Some(rest) if step.expected.is_empty() => {
                step.command.push('\n');
                step.command.push_str(rest);
                step.expected_lines = (number + 1, number + 1);
            }
            _ => {
                step.expected.push((*line).to_owned());
                step.expected_lines.1 = number + 1;
            }
        }
    }
    Ok(steps)
}

fn command_of(line: &str) -> Option<&str> {
    PROMPTS.iter().find_map(|prompt| match *prompt {
        "root@" => line.strip_prefix("root@").and_then(|rest| rest.split_once("# ")).map(|(_, command)| command),
        prompt => line.strip_prefix(prompt),
    })
}
