//! The strip that says what an edit changed, and the list behind it.

use super::acts::Stage;
use super::changed::{Change, Entry, Of, Sign, counted, target_of};
use super::send;
use crate::dom::{El, Nodes, Var, button, el};
use crate::glyph::Glyph;
use crate::journey::model::short_place;
use crate::parts;
use crate::past::Past;
use crate::state::App;
use podhop_engine::protocol::{PairChanged, ReplyBody, RequestBody, RowsChanged};

/// Entries that are listed.
const LISTED_MAX: usize = 100;

pub fn changes(stage: Stage) -> El {
    let app = stage.app;
    let open = Var::new(false);
    let shown = move || app.changed.with(Option::is_some);
    let text = move || app.changed.with(|change| change.as_ref().map_or(String::new(), |change| change.sentence()));
    let list = move || -> Nodes {
        if !open.get() {
            return Vec::new();
        }
        app.changed.with(|change| change.as_ref().map(|change| rows(stage, change)).unwrap_or_default())
    };
    let turn = |word: &str, next: fn(&Past) -> Option<&str>, act: fn(App)| {
        let title = [word, ": "].concat();
        let words = move || app.past.with(|past| next(past).map_or(String::new(), |words| [&title, words].concat()));
        let shown = move || app.past.with(|past| next(past).is_some());
        button("link").text(word).attr_of("title", words).hidden_of(move || !shown()).on_click(move || act(app))
    };
    let strip = el("div")
        .class("strip")
        .kid(el("span").text_of(text))
        .kid(turn("Undo", |past| past.words().0, App::undo))
        .kid(turn("Redo", |past| past.words().1, App::redo))
        .kid(
            button("link")
                .text_of(move || if open.get() { "Hide the list" } else { "List" }.to_string())
                .bool_of("aria-expanded", move || open.get())
                .attr("aria-controls", "changed-list")
                .on_click(move || open.update(|open| *open = !*open)),
        )
        .kid(parts::icon_button("Dismiss what changed", parts::CLOSE, move || app.changed.set(None)));
    el("div")
        .class("reach changed-strip")
        .hidden_of(move || !shown())
        .kid(el("ul").id("changed-list").label("What changed").hidden_of(move || !open.get()).live(list))
        .kid(strip)
}

fn rows(stage: Stage, change: &Change) -> Nodes {
    let mut rows: Nodes = change.entries.iter().take(LISTED_MAX).map(|entry| of_entry(stage, entry)).collect();
    if let Some(left) = change.entries.len().checked_sub(LISTED_MAX).filter(|left| *left > 0) {
        rows.push(el("li").class("note").text(&left.to_string()).text(" more"));
    }
    if let Some(difference) = &change.difference {
        rows.extend(difference.pairs.iter().map(|pair| of_pair(stage, pair)));
        rows.extend(difference.rows.iter().map(|rows| of_rows(stage, rows)));
        if difference.pods_left_count > 0 {
            let text = [
                "Pairs were tried among ",
                &difference.pods_count.to_string(),
                " Pods; ",
                &difference.pods_left_count.to_string(),
                " more were too many for that.",
            ];
            rows.push(el("li").class("note").text(&text.concat()));
        }
    }
    rows
}

fn line(glyph: Glyph, (sign, name): (&str, &str), about: &str, act: Option<Box<dyn Fn()>>) -> El {
    let made = match act {
        Some(act) => button("item").on_click(act),
        None => el("div").class("item"),
    };
    el("li").kid(made.kid(parts::glyph(glyph)).part("b", "", &[sign, " ", name].concat()).part("small", "", about))
}

fn of_entry(stage: Stage, entry: &Entry) -> El {
    let (place, device) = (entry.place.clone(), (entry.of == Of::Device).then(|| entry.name.clone()));
    let go = move || {
        let Some(scene) = stage.app.scene.now() else { return };
        if let Some(target) = target_of(&scene, &place, device.as_deref()) {
            stage.activate(&target);
            stage.fly(&target);
            show_line(stage);
        }
    };
    let about = [entry.sign.word(), " · ", &entry.about].concat();
    let act: Option<Box<dyn Fn()>> = if entry.sign == Sign::Removed { None } else { Some(Box::new(go)) };
    let glyph = match entry.of {
        Of::Node => Glyph::Node,
        Of::Pod => Glyph::Pod,
        Of::Device => Glyph::Nic,
    };
    line(glyph, (entry.sign.text(), &entry.name), &about, act)
}

/// Lights the lines of the manifest that the object comes from, if it was written.
fn show_line(stage: Stage) {
    let app = stage.app;
    let Some(ask) = app.object.now() else { return };
    let body = RequestBody::Object { kind: ask.kind, namespace: ask.namespace, name: ask.name };
    app.ask(body, move |reply| {
        if let ReplyBody::Object(view) = reply
            && let Some(at) = view.at
        {
            app.active_file.put(at.file.clone());
            app.marked.set(Some(at));
        }
    });
}

fn of_rows(stage: Stage, rows: &RowsChanged) -> El {
    let place = rows.place.clone();
    let about =
        ["tables · ", &counted(rows.added_count as usize, "row"), " came, ", &rows.removed_count.to_string(), " went"];
    let go = move || stage.look_at_table(&place, "route");
    line(Glyph::Route, ("~", short_place(&rows.place)), &about.concat(), Some(Box::new(go)))
}

/// A ping of the pair shows where its packets stay.
fn of_pair(stage: Stage, pair: &PairChanged) -> El {
    let (from, to) = (pair.from.clone(), pair.to.clone());
    let go = move || {
        let Some(scene) = stage.app.scene.now() else { return };
        let ends = [&from, &to].map(|place| target_of(&scene, place, None));
        let [Some(from), Some(to)] = ends else { return };
        let choices = send::choices(&scene, &from, &to).into_iter();
        if let Some(line) = choices.filter_map(|choice| choice.line.ok()).next() {
            stage.run(&line);
        }
    };
    let name = [short_place(&pair.from), " → ", short_place(&pair.to)].concat();
    let about = if pair.reaches { "reachable now · try it" } else { "reachable no more · see where it stops" };
    line(Glyph::Service, ("~", &name), about, Some(Box::new(go)))
}
