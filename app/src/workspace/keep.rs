//! What the page opens with, and the copy of the session that this browser keeps.

use super::pack;
use super::saved::{Saved, Trouble};
use crate::dom::effect;
use crate::platform;
use crate::shown::Notice;
use crate::state::App;
use std::cell::Cell;
use std::rc::Rc;

const KEY: &str = "podhop.session";
/// The session is kept when nothing has changed for this long.
const QUIET_MS: u32 = 1_000;
/// Larger sessions are not kept: browsers give a site about five million characters.
const KEPT_MAX: usize = 3 << 20;

/// Opens the link's session, or the one that was kept, or what the page always opens with.
pub fn open(app: App) {
    let hash = platform::window().location().hash().unwrap_or_default();
    let fragment = hash.trim_start_matches('#').to_string();
    if fragment.is_empty() {
        match kept() {
            Some(saved) => restore(app, saved),
            None => app.begin(Saved::opening(), true),
        }
    } else {
        leptos::task::spawn_local(async move {
            match pack::unpack(&fragment).await {
                Some(Ok(bytes)) => match Saved::from_bytes(&bytes) {
                    Ok(saved) => app.begin(saved, true),
                    Err(trouble) => instead(app, trouble),
                },
                Some(Err(trouble)) => instead(app, trouble),
                None => app.begin(Saved::opening(), true),
            }
        });
    }
}

fn instead(app: App, trouble: Trouble) {
    app.begin(Saved::opening(), true);
    let reload: Rc<dyn Fn()> = Rc::new(|| drop(platform::window().location().reload()));
    let action = (trouble == Trouble::Newer).then(|| ("Reload the page".to_string(), reload));
    app.notice.set(Some(Notice { text: trouble.text().to_string(), action }));
}

fn restore(app: App, saved: Saved) {
    app.begin(saved, true);
    app.kept.set(true);
    let anew = move || {
        platform::forget(KEY);
        app.begin(Saved::opening(), false);
    };
    let text = "These are your files from last time.";
    app.notice.set(Some(Notice { text: text.into(), action: Some(("Start anew".into(), Rc::new(anew))) }));
}

fn kept() -> Option<Saved> {
    let text = platform::stored(KEY)?;
    let latin = platform::window().atob(&text).ok()?;
    let bytes: Vec<u8> = latin.chars().map(|letter| letter as u8).collect();
    Saved::from_bytes(&bytes).ok()
}

/// From now on keeps what one has made.
pub fn keep(app: App) {
    let changes = Rc::new(Cell::new(0_u32));
    effect(move || {
        app.files.track();
        app.title.track();
        let now = changes.get() + 1;
        changes.set(now);
        // The first run is the opening's.
        if now > 1 {
            let changes = changes.clone();
            platform::after_ms(QUIET_MS, move || {
                if changes.get() == now {
                    store(app);
                }
            });
        }
    });
}

/// A session that was only looked at, a link's or a scenario's, does not take the place of one's own.
fn store(app: App) {
    let saved = app.saved();
    if !app.kept.now() && app.began.peek(|began| saved.same_texts(began)) {
        return;
    }
    app.kept.set(true);
    let bytes = saved.to_bytes();
    if saved.is_opening() || bytes.len() > KEPT_MAX {
        return platform::forget(KEY);
    }
    let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    if let Ok(text) = platform::window().btoa(&latin) {
        platform::store(KEY, &text);
    }
}
