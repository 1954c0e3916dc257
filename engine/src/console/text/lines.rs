//! Small utilities over lines: `cat`, `head`, `tail`, `wc`, `tee`, `seq`, `column -t`, `basename`, `dirname`.

use super::tool::{Tool, lines};

/// `cat [-n] FILE…`
pub(super) fn cat(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let (text, failed) = tool.input(&options.words);
    if options.has('n') {
        for (index, line) in lines(&text).enumerate() {
            tool.io.out(&format!("{:6}\t{line}\n", index + 1));
        }
    } else {
        tool.io.out(&text);
    }
    i32::from(failed)
}

/// `head [-n N] [-c N] FILE…`, `tail` with `-n +N`; `head -5` as `head -n 5`.
pub(super) fn head_or_tail(tool: &mut Tool, words: &[String]) -> i32 {
    let is_number =
        |word: &str| word.len() > 1 && word.starts_with('-') && word[1..].bytes().all(|b| b.is_ascii_digit());
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut().filter(|word| is_number(word)) {
        first.insert(1, 'n');
    }
    let mut options = match tool.options(&words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let files = std::mem::take(&mut options.words);
    let bytes = options.value('c');
    let given = bytes.or(options.value('n')).unwrap_or("10");
    let digits = given.strip_prefix(['+', '-']).unwrap_or(given);
    let count = match tool.number(digits) {
        Ok(count) => count,
        Err(status) => return status,
    };
    let is_head = tool.name == "head";
    let from_end = given.starts_with('-');
    let (inputs, failed) = tool.inputs(&files);
    for (index, (file, text)) in inputs.iter().enumerate() {
        if (files.len() > 1 && !options.has('q')) || options.has('v') {
            let name = if file == "-" { "standard input" } else { file };
            tool.io.out(&format!("{}==> {name} <==\n", if index > 0 { "\n" } else { "" }));
        }
        let pieces: Vec<&str> = match bytes {
            Some(_) => text.split_inclusive(|_: char| true).collect(),
            None => text.split_inclusive('\n').collect(),
        };
        let cut = match (is_head, given.as_bytes()[0]) {
            (true, _) if from_end => pieces.len().saturating_sub(count),
            (true, _) => count.min(pieces.len()),
            (false, b'+') => count.saturating_sub(1).min(pieces.len()),
            (false, _) => pieces.len().saturating_sub(count),
        };
        let part = if is_head { &pieces[..cut] } else { &pieces[cut..] };
        tool.io.out(&part.concat());
    }
    i32::from(failed)
}

/// `wc [-lwcm] FILE…`
pub(super) fn wc(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let all = !"lwcmL".chars().any(|letter| options.has(letter));
    let (inputs, failed) = tool.inputs(&options.words);
    let mut total = [0; 5];
    let single = !all && "lwcmL".chars().filter(|letter| options.has(*letter)).count() == 1;
    let width = if tool.is_gnu() { 7 } else { 9 };
    let line = |counts: &[usize; 5], name: &str| {
        let shown =
            "lwmcL".chars().zip(counts).filter(|(letter, _)| options.has(*letter) || (all && "lwc".contains(*letter)));
        let counts: Vec<String> =
            shown.map(|(_, count)| if single { count.to_string() } else { format!("{count:width$}") }).collect();
        let name = if name == "-" && options.words.is_empty() { String::new() } else { format!(" {name}") };
        format!("{}{name}\n", counts.join(" "))
    };
    for (file, text) in &inputs {
        let longest = lines(text).map(|line| line.chars().count()).max().unwrap_or(0);
        let counts =
            [text.matches('\n').count(), text.split_whitespace().count(), text.chars().count(), text.len(), longest];
        tool.io.out(&line(&counts, file));
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    if options.words.len() > 1 {
        tool.io.out(&line(&total, "total"));
    }
    i32::from(failed)
}

/// `tee [-a] FILE…`
pub(super) fn tee(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let text = tool.io.read_all();
    let mut status = 0;
    for file in &options.words {
        let path = tool.session.absolute(file);
        if path == "/dev/null" {
            continue;
        }
        if let Err(error) = tool.host.write_file(&path, &text, options.has('a')) {
            status = tool.fail(&format!("{file}: {}", error.message()));
        }
    }
    tool.io.out(&text);
    status
}

/// `seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST`, integers only.
pub(super) fn seq(tool: &mut Tool, words: &[String]) -> i32 {
    let is_negative = |word: &String| word.starts_with('-') && word[1..].starts_with(|c: char| c.is_ascii_digit());
    let numbers_from = words.iter().position(is_negative).unwrap_or(words.len());
    let mut options = match tool.options(&words[..numbers_from]) {
        Ok(options) => options,
        Err(status) => return status,
    };
    options.words.extend_from_slice(&words[numbers_from..]);
    let mut numbers = Vec::new();
    for word in &options.words {
        match word.parse::<i64>() {
            Ok(number) => numbers.push(number),
            Err(_) => return tool.fail(&format!("invalid number '{word}' (podhop's seq counts in integers)")),
        }
    }
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] => (*first, *step, *last),
        _ => return tool.usage("expected one to three numbers"),
    };
    if step == 0 {
        return tool.fail("the step must not be 0");
    }
    let separator = options.value('s').unwrap_or("\n").to_string();
    let width = if options.has('w') { first.to_string().len().max(last.to_string().len()) } else { 0 };
    let mut at = first;
    let mut between = "";
    while (if step > 0 { at <= last } else { at >= last }) && !tool.io.is_stopped() {
        tool.io.out(&format!("{between}{at:0width$}"));
        between = &separator;
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    if !between.is_empty() {
        tool.io.out("\n");
    }
    0
}

/// `column -t [-s SEPARATORS]`: cells under each other, two blanks apart.
pub(super) fn column(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    if !options.has('t') {
        return tool.fail("podhop's column knows -t");
    }
    let (text, failed) = tool.input(&options.words);
    let cells = |line: &str| -> Vec<String> {
        match options.value('s') {
            Some(separators) => line.split(|c| separators.contains(c)).map(str::to_string).collect(),
            None => line.split_whitespace().map(str::to_string).collect(),
        }
    };
    let rows: Vec<Vec<String>> = lines(&text).filter(|line| !line.trim().is_empty()).map(cells).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < row.len() {
                line.extend(std::iter::repeat_n(' ', widths[column] - cell.chars().count()));
                line.push_str(options.value('o').unwrap_or("  "));
            }
        }
        tool.io.out(&format!("{line}\n"));
    }
    i32::from(failed)
}

/// `basename PATH [SUFFIX]` and `dirname PATH`.
pub(super) fn path_part(tool: &mut Tool, words: &[String]) -> i32 {
    let [path, rest @ ..] = words else { return tool.usage("expected a path") };
    let trimmed = path.trim_end_matches('/');
    let trimmed = if trimmed.is_empty() && path.starts_with('/') { "/" } else { trimmed };
    let (folder, name) = match trimmed.rsplit_once('/') {
        Some((_, "")) => ("/", "/"),
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder.trim_end_matches('/'), name),
        None => (".", trimmed),
    };
    let part = match (tool.name, rest.first()) {
        ("dirname", _) => folder,
        (_, Some(suffix)) if name != suffix => name.strip_suffix(suffix.as_str()).unwrap_or(name),
        _ => name,
    };
    tool.io.out(&format!("{part}\n"));
    0
}
