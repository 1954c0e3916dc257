//! What is wrong with the cluster itself, beside what is wrong with the texts. It is asked for when the opening is over,
//! and from then on after every change.

use super::App;
use super::fields::Fields;
use crate::editor::model;
use podhop_engine::protocol::{DiagnosticView, ReplyBody, RequestBody};

/// How far the page is with asking.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Problems {
    /// They have been told: then they stand in for what the texts' diagnostics say of the cluster.
    known: bool,
    asked: bool,
    /// The cluster has changed since they were asked for.
    again: bool,
}

impl App {
    /// What reading the texts has found. What is known of the cluster stays until it is told anew, so that nothing jumps.
    pub(super) fn take_diagnostics(self, told: Vec<DiagnosticView>) {
        self.diagnostics.update(|all| {
            if self.problems.peek(|problems| problems.known) {
                let old = std::mem::replace(all, told);
                join(all, old.into_iter().filter(|problem| problem.about_cluster).collect());
            } else {
                *all = told;
            }
        });
    }

    /// The texts of these files have changed: what is known of the cluster has places of before, where no fix belongs
    /// until it is told anew.
    pub(super) fn outrun(self, file: impl Fn(&str) -> bool) {
        if self.problems.peek(|problems| problems.known) {
            self.diagnostics.update(|all| model::without_fixes(all, file));
        }
    }

    /// After an edit: the opening does without.
    pub(super) fn cluster_changed(self) {
        let known = self.problems.peek(|problems| problems.known);
        if known || self.fields.peek(|fields| matches!(fields, Fields::Come(_))) {
            self.ask_problems();
        }
    }

    /// Asks what is wrong with the cluster; a second question waits for the first one's answer.
    pub fn ask_problems(self) {
        let asked = self.problems.update(|problems| {
            problems.again = problems.asked;
            std::mem::replace(&mut problems.asked, true)
        });
        if asked {
            return;
        }
        self.ask(RequestBody::Problems, move |reply| {
            let again = self.problems.update(|problems| {
                problems.asked = false;
                std::mem::take(&mut problems.again)
            });
            if let ReplyBody::Problems(told) = reply {
                self.problems.update(|problems| problems.known = true);
                let old = self.diagnostics.now();
                let mut all = old.clone();
                join(&mut all, told);
                if all != old {
                    self.diagnostics.set(all);
                }
            }
            if again {
                self.ask_problems();
            }
        });
    }
}

/// The diagnostics of the texts with these of the cluster.
fn join(all: &mut Vec<DiagnosticView>, of_cluster: Vec<DiagnosticView>) {
    all.retain(|diagnostic| !diagnostic.about_cluster);
    all.extend(of_cluster);
}
