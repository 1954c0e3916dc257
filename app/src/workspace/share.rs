//! A link to the session.

use super::pack;
use super::saved::LINK_MAX;
use crate::dom::{El, Nodes, Var, button, el};
use crate::parts;
use crate::platform;
use crate::state::App;
use web_sys::HtmlInputElement;

/// Longer links are cut by some chats and mail programs.
const COMFORTABLE: usize = 8_000;

/// The button and its dialog.
pub fn share(app: App) -> Nodes {
    // The link; empty while it is made. `Err`: why there is none.
    let link: Var<Result<String, &'static str>> = Var::new(Ok(String::new()));
    let (copied, asked) = (Var::new(None), Var::new(0));
    let open = move || {
        copied.set(None);
        asked.update(|asked| *asked += 1);
        make(app, link);
    };
    let text = el("span").class("wide").text("Share");
    let button = button("ghost").id("open-share").attr("aria-haspopup", "dialog").label("Share");
    let dialog = parts::dialog_when_asked(asked, move || dialog(link, copied));
    vec![button.kid(icon()).kid(text).on_click(open), dialog]
}

fn make(app: App, link: Var<Result<String, &'static str>>) {
    link.set(Ok(String::new()));
    let bytes = app.saved().to_bytes();
    leptos::task::spawn_local(async move {
        link.set(match pack::pack(&bytes).await {
            None => Err("This browser cannot compress, so it cannot make links."),
            Some(fragment) if fragment.len() > LINK_MAX => {
                Err("These files are too large for a link. Send them as files: the page opens what is dropped on it.")
            }
            Some(fragment) => Ok([&base(), "#", fragment.as_str()].concat()),
        });
    });
}

fn base() -> String {
    let href = platform::window().location().href().unwrap_or_default();
    href.split('#').next().unwrap_or_default().to_string()
}

fn icon() -> El {
    parts::icon("M8 1l4 4-1 1-2.3-2.3V10H7.3V3.7L5 6 4 5zM3 8h2v1.4H4.4v4.2h7.2V9.4H11V8h2v7H3z")
}

fn dialog(link: Var<Result<String, &'static str>>, copied: Var<Option<bool>>) -> El {
    let field = el("input").attr("type", "text").attr("readonly", "").label("Link").class("textfield");
    let input: HtmlInputElement = field.cast();
    let filled = input.clone();
    crate::dom::effect(move || filled.set_value(&link.with(|link| link.clone().unwrap_or_default())));
    let remark = move || {
        link.with(|link| match link {
            Err(why) => (*why).to_string(),
            Ok(link) if link.len() > COMFORTABLE => {
                [&link.len().to_string(), " characters: some chats and mail programs cut links as long as this."]
                    .concat()
            }
            Ok(_) => String::new(),
        })
    };
    let ready = move || link.with(|link| link.as_ref().is_ok_and(|link| !link.is_empty()));
    let copy = button("primary")
        .text_of(move || {
            match copied.get() {
                None => "Copy",
                Some(true) => "Copied",
                // The link is selected.
                Some(false) => "Press Ctrl-C",
            }
            .to_string()
        })
        .on_click(move || {
            if ready() {
                input.select();
                platform::copy_then(&input.value(), move |done| copied.set(Some(done)));
            }
        });
    let dialog = el("dialog")
        .class("help share")
        .attr("aria-labelledby", "share-title")
        .kid(el("h2").id("share-title").text("Share"))
        .part("p", "", "The link holds the files and the command on the stage. Whoever opens it gets the same cluster, packet by packet; nothing is sent to a server.")
        .kid(el("div").class("row").hidden_of(move || link.with(Result::is_err)).kid(field).kid(copy))
        .kid(el("p").attr("role", "status").text_of(remark));
    let close = parts::close_button(&dialog);
    dialog.kid(close)
}
