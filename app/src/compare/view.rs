//! The dialog: a setting for each side, and a table of the steps that both sides take.

use super::model::{self, Choice, Line};
use crate::dom::{El, Nodes, Var, effect, el};
use crate::parts::{self, empty, verdict};
use crate::state::App;
use podhop_engine::protocol::{
    CNIS, CompareView, ComparedStep, PROXY_MODES, PacketHead, PacketPair, ReplyBody, RequestBody, Setting, SideView,
};
use std::rc::Rc;

/// What the worker has said.
#[derive(Clone)]
enum Told {
    Nothing,
    Failed(String),
    Compared(Rc<CompareView>),
}

#[derive(Clone, Copy)]
struct Compare {
    app: App,
    settings: Var<[Setting; 2]>,
    told: Var<Told>,
    choice: Var<Choice>,
    /// Grows with every question, so that a late answer to an earlier one is not taken.
    turn: Var<u32>,
}

/// Opens whenever `App::compare_asked` grows.
pub fn compare(app: App) -> El {
    parts::dialog_when_asked(app.compare_asked, move || dialog(app))
}

fn dialog(app: App) -> El {
    let compare = Compare {
        app,
        settings: Var::new(Default::default()),
        told: Var::new(Told::Nothing),
        choice: Var::new(Choice::default()),
        turn: Var::new(0),
    };
    effect(move || {
        app.compare_asked.track();
        compare.told.set(Told::Nothing);
        compare.ask();
    });
    let about = "The command runs again in two copies of the cluster as it is now. Neither has learned anything yet: no \
                 neighbours, no connections. What was changed by hand on nodes is left out.";
    let dialog = el("dialog")
        .class("help compare")
        .attr("aria-labelledby", "compare-title")
        .kid(el("h2").id("compare-title").text("Compare"))
        .part("p", "", about)
        .kid(el("div").class("sides").kid(compare.side(0)).kid(compare.side(1)))
        .kid(compare.choices())
        .kid(el("div").attr("role", "status").live(move || compare.answer()));
    let close = parts::close_button(&dialog);
    dialog.kid(close)
}

impl Compare {
    /// Has the conversation that is shown compared.
    fn ask(self) {
        let flow = self.app.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        let Some(flow) = flow else {
            return self.told.set(Told::Failed("There is no conversation yet: run a command first.".to_string()));
        };
        let turn = self.turn.now() + 1;
        self.turn.set(turn);
        self.app.ask(RequestBody::Compare { flow, settings: self.settings.now() }, move |reply| {
            if self.turn.now() != turn {
                return;
            }
            match reply {
                ReplyBody::Compared(view) => {
                    self.settings.set(view.sides.each_ref().map(|side| side.setting.clone()));
                    self.told.set(Told::Compared(Rc::new(*view)));
                }
                ReplyBody::Error(why) => self.told.set(Told::Failed(why)),
                _ => {}
            }
        });
    }

    /// The settings of a side, and what came of them.
    fn side(self, at: usize) -> El {
        let which = ["Left", "Right"][at];
        let cnis = CNIS.map(|cni| (cni, model::proper(cni)));
        let modes = PROXY_MODES.map(|mode| (mode, mode));
        let outcome = move || match self.told.get() {
            Told::Compared(view) => outcome(&view.sides[at]),
            _ => Vec::new(),
        };
        el("div")
            .class("side")
            .attr("role", "group")
            .label(which)
            .kid(self.select(at, "CNI plugin", &cnis, |setting| &mut setting.cni))
            .kid(self.select(at, "kube-proxy", &modes, |setting| &mut setting.proxy))
            .kid(el("div").live(outcome))
    }

    fn select(
        self,
        at: usize,
        label: &str,
        choices: &[(&'static str, &str)],
        of: fn(&mut Setting) -> &mut String,
    ) -> El {
        let options = choices.iter().map(|(value, words)| el("option").attr("value", value).text(words));
        let select = el("select").kids(options.collect());
        let field: web_sys::HtmlSelectElement = select.cast();
        let shown = field.clone();
        effect(move || {
            let mut settings = self.settings.get();
            shown.set_value(of(&mut settings[at]));
        });
        let select = select.on("change", move |_| {
            self.settings.update(|settings| of(&mut settings[at]).clone_from(&field.value()));
            self.ask();
        });
        el("label").part("span", "", label).kid(select)
    }

    fn choices(self) -> El {
        let check = |words: &str, of: fn(&mut Choice) -> &mut bool| {
            let check = el("input").attr("type", "checkbox");
            let input: web_sys::HtmlInputElement = check.cast();
            input.set_checked(*of(&mut self.choice.now()));
            let check = check.on("change", move |_| self.choice.update(|choice| *of(choice) = input.checked()));
            el("label").kid(check).text(words)
        };
        el("div")
            .class("checks")
            .kid(check("Only what differs", |choice| &mut choice.only_differences))
            .kid(check("With plumbing (ARP, acknowledgements)", |choice| &mut choice.plumbing))
    }

    fn answer(self) -> Nodes {
        let view = match self.told.get() {
            Told::Nothing => return vec![empty("It runs …")],
            Told::Failed(why) => return vec![el("p").class("failed").text(&why)],
            Told::Compared(view) => view,
        };
        let choice = self.choice.get();
        let packets = model::packets(&view, choice);
        if packets.is_empty() {
            return vec![empty("Both sides do the same, step by step.")];
        }
        let heads = view.sides.iter().map(|side| el("th").attr("scope", "col").text(&model::name_of(&side.setting)));
        let head = el("thead").kid(el("tr").kids(heads.collect()));
        let bodies = packets.into_iter().map(|packet| body(packet, choice)).collect();
        let more = [&view.left_out_count.to_string(), " more packets are not compared."].concat();
        vec![el("table").kid(head).kids(bodies), el("p").text(&more).hidden(view.left_out_count == 0)]
    }
}

/// How the command went on one side.
fn outcome(side: &SideView) -> Nodes {
    let mut nodes = vec![el("code").class("ran").text(&side.line)];
    match &side.summary {
        Some(summary) => {
            nodes.push(el("p").class("end").kid(verdict(summary.end_kind, &summary.end)).part(
                "span",
                "",
                &summary.reason,
            ));
            nodes.push(el("p").class("measures").text(&model::measures(side)));
        }
        None => {
            nodes.push(el("p").class("end").text("Nothing was sent."));
            nodes.push(el("pre").text(&side.output));
        }
    }
    nodes
}

fn body(packet: &PacketPair, choice: Choice) -> El {
    let head = |head: &Option<PacketHead>| match head {
        Some(head) => el("th")
            .part("span", "packet", &head.title)
            .part("span", "ends", &head.label)
            .kid(verdict(head.disposition_kind, &head.disposition)),
        None => el("th").class("none").text("no such packet"),
    };
    let rows = model::lines(packet, choice).into_iter().map(|line| match line {
        Line::Same(count) => {
            let words = [&model::count(count as u32, "step"), " the same"].concat();
            el("tr").class("same").kid(el("td").attr("colspan", "2").text(&words))
        }
        Line::Steps(pair) => {
            let class = if pair.same { "same" } else { "" };
            el("tr").class(class).kids(pair.sides.iter().map(cell).collect())
        }
    });
    el("tbody").kid(el("tr").kids(packet.sides.iter().map(head).collect())).kids(rows.collect())
}

fn cell(step: &Option<ComparedStep>) -> El {
    let Some(step) = step else { return el("td").class("none").label("nothing here") };
    el("td")
        .attr("title", &step.sentence)
        .kid(el("b").class(crate::journey::model::verdict_class(step.verdict)).text(&step.title))
        .part("span", "place", &model::where_of(step))
        .kid(el("code").text(&step.row).hidden(step.row.is_empty()))
}
