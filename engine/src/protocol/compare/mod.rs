//! One command under two settings, step by step: each side is the present cluster under its own, with nothing learned yet,
//! and the command runs in both.

mod addresses;
mod align;
#[cfg(test)]
mod tests;

use super::{FlowSummary, FlowView, PacketView, Server, StepView, VerdictKind};
use crate::cluster::{Cni, CniName, Options, ProxyMode};
use crate::console::machine::Context;
use crate::console::terminal::Terminal;
use crate::world::World;
use addresses::Addresses;
use align::align;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Commands that can be compared: the latest ones that have sent something.
const COMMANDS_MAX: usize = 512;
/// Longest command that can be compared, in bytes.
const COMMAND_BYTES_MAX: usize = 64 << 10;
/// Most packets of a side that are compared.
const PACKETS_MAX: usize = 300;

/// What a [`Setting`] can name.
pub const CNIS: [&str; 3] = [CniName::Flannel.name(), CniName::Calico.name(), CniName::Cilium.name()];
pub const PROXY_MODES: [&str; 3] = [ProxyMode::Iptables.name(), ProxyMode::Nftables.name(), ProxyMode::Ipvs.name()];

/// What a side has that may differ from the cluster as it stands; empty means as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// One of [`CNIS`].
    pub cni: String,
    /// One of [`PROXY_MODES`].
    pub proxy: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareView {
    pub sides: [SideView; 2],
    /// In the order of both sides.
    pub packets: Vec<PacketPair>,
    /// Packets of either side beyond those that were compared.
    pub left_out_count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideView {
    /// As the side has it, chosen or not.
    pub setting: Setting,
    /// Where the command ran, as `StepView.place` or `host`, and what it was: Pods may have other addresses here.
    pub place: String,
    pub line: String,
    pub output: String,
    pub exit_status: i32,
    /// None: it has sent nothing here.
    pub summary: Option<FlowSummary>,
    pub steps_count: u32,
    /// Bytes of the largest frame that crossed the network between the nodes; 0 if none did.
    pub largest_frame: u32,
}

/// A packet of one side and its like of the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketPair {
    /// None: that side has none like it.
    pub sides: [Option<PacketHead>; 2],
    /// Serves another packet (ARP).
    pub plumbing: bool,
    pub steps: Vec<StepPair>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketHead {
    pub title: String,
    pub label: String,
    pub disposition: String,
    pub disposition_kind: VerdictKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepPair {
    pub sides: [Option<ComparedStep>; 2],
    /// The same thing happens at the same place, by the same row.
    pub same: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedStep {
    pub place: String,
    pub device: String,
    pub title: String,
    pub sentence: String,
    pub verdict: VerdictKind,
    /// The row that decided, in the real tool's text; often empty.
    pub row: String,
}

/// A command that has sent something, and where it ran.
#[derive(Debug)]
struct Command {
    /// Its conversations, in order.
    flows: Vec<u32>,
    context: Context,
    script: String,
}

/// The commands that can be run again.
#[derive(Debug, Default)]
pub(super) struct Commands(VecDeque<Command>);

impl Commands {
    pub(super) fn add(&mut self, flows: Vec<u32>, context: Context, script: String) {
        if flows.is_empty() || script.len() > COMMAND_BYTES_MAX {
            return;
        }
        if self.0.len() == COMMANDS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Command { flows, context, script });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The command of a conversation, and which of its conversations that is.
    fn of(&self, flow: u32) -> Option<(&Command, usize)> {
        self.0.iter().rev().find_map(|command| Some((command, command.flows.iter().position(|one| *one == flow)?)))
    }
}

/// What one side has come to.
struct Side {
    view: SideView,
    flow: Option<FlowView>,
    server: Server,
}

impl Server {
    /// The command that made this conversation, run under both settings. Where the second one names nothing, it is that
    /// other CNI plugin which the first one is not.
    pub(super) fn compare(&self, flow: u32, settings: [Setting; 2]) -> Result<CompareView, String> {
        let (command, nth) = self.commands.of(flow).ok_or("the command of this conversation is not known any more")?;
        let [left, mut right] = settings;
        let left = self.side(command, nth, &left)?;
        if right == Setting::default() {
            let other =
                if left.view.setting.cni == CniName::Flannel.name() { CniName::Calico } else { CniName::Flannel };
            right.cni = other.name().to_owned();
        }
        let right = self.side(command, nth, &right)?;
        let revision = |side: &Side| side.server.world.revision().clone();
        let addresses = Addresses::between(&revision(&left), &revision(&right));
        let packets = [&left, &right].map(|side| side.flow.as_ref().map_or(&[][..], |flow| &flow.packets));
        let compared = packets.map(|packets| &packets[..packets.len().min(PACKETS_MAX)]);
        let unrecorded = |side: &Side| side.flow.as_ref().map_or(0, |flow| flow.unrecorded_count);
        let left_out = packets.iter().zip(compared).map(|(all, some)| all.len() - some.len()).sum::<usize>() as u32;
        Ok(CompareView {
            packets: packet_pairs(compared, &addresses),
            left_out_count: left_out + unrecorded(&left) + unrecorded(&right),
            sides: [left.view, right.view],
        })
    }

    /// Runs a command in the present cluster under a setting, and looks at its `nth` conversation.
    fn side(&self, command: &Command, nth: usize, setting: &Setting) -> Result<Side, String> {
        let mut options = Options::clone(self.world.cluster().options());
        if !setting.cni.is_empty() {
            options.cni = Some(setting.cni.parse()?);
        }
        if !setting.proxy.is_empty() {
            options.proxy = Some(setting.proxy.parse()?);
        }
        let mut world = self.world.under(options);
        let line = Addresses::between(self.world.revision(), world.revision()).translate(&command.script);
        let mut terminal = Terminal::within(&mut world, command.context.clone());
        if terminal.context() != command.context {
            return Err("the place where this command ran is gone".to_owned());
        }
        let ran = terminal.run_script(&mut world, &line, "");
        let setting = setting_of(&world);
        let mut server = Server::over(world);
        let flow = ran.flows.get(nth);
        let flow = flow.and_then(|flow| server.viewed(flow.0, |viewer, trace| viewer.flow(trace)).ok());
        let steps = || flow.iter().flat_map(|flow| &flow.packets).flat_map(|packet| &packet.steps);
        let view = SideView {
            setting,
            place: terminal.place(),
            line,
            output: ran.chunks.iter().map(|chunk| &*chunk.text).collect(),
            exit_status: ran.status,
            summary: flow.as_ref().map(|flow| flow.summary.clone()),
            steps_count: steps().count() as u32,
            largest_frame: steps()
                .filter(|step| step.place.starts_with("segment/"))
                .map(|step| step.len)
                .max()
                .unwrap_or(0),
        };
        Ok(Side { view, flow, server })
    }
}

fn setting_of(world: &World) -> Setting {
    let network = &world.revision().network;
    let cni = match network.cni {
        Cni::Flannel(_) => CniName::Flannel,
        Cni::Calico(_) => CniName::Calico,
        Cni::Cilium(_) => CniName::Cilium,
    };
    Setting { cni: cni.name().to_owned(), proxy: network.kube_proxy_mode.0.name().to_owned() }
}

fn packet_pairs([left, right]: [&[PacketView]; 2], addresses: &Addresses) -> Vec<PacketPair> {
    let pairs = align((left.len(), right.len()), |i, j| packet_likeness(&left[i], &right[j], addresses));
    let pair = |(i, j): (Option<usize>, Option<usize>)| {
        let sides = [i.map(|i| &left[i]), j.map(|j| &right[j])];
        let head = |packet: &PacketView| PacketHead {
            title: packet.title.clone(),
            label: packet.label.clone(),
            disposition: packet.disposition.clone(),
            disposition_kind: packet.disposition_kind,
        };
        let steps = sides.map(|packet| packet.map_or(&[][..], |packet| &packet.steps));
        PacketPair {
            plumbing: sides.iter().flatten().all(|packet| packet.plumbing),
            sides: sides.map(|packet| packet.map(head)),
            steps: step_pairs(steps, addresses),
        }
    };
    pairs.into_iter().map(pair).collect()
}

/// Packets are alike that say the same, more so from the same place: a Service's answer may come from another Pod. Those that
/// ask for neighbours are alike if they ask at the same place.
fn packet_likeness(left: &PacketView, right: &PacketView, addresses: &Addresses) -> u32 {
    if (left.plumbing, left.reply) != (right.plumbing, right.reply) {
        return 0;
    }
    let from = |packet: &PacketView| packet.steps.first().map(|step| step.place.clone());
    let word = |title: &str| title.split(' ').next().map(str::to_owned);
    match (addresses.translate(&left.title) == right.title, from(left) == from(right)) {
        (true, true) => 3,
        (true, false) => 1,
        (false, true) if left.plumbing && word(&left.title) == word(&right.title) => 1,
        (false, _) => 0,
    }
}

fn step_pairs([left, right]: [&[StepView]; 2], addresses: &Addresses) -> Vec<StepPair> {
    let pairs = align((left.len(), right.len()), |i, j| step_likeness(&left[i], &right[j]));
    let pair = |(i, j): (Option<usize>, Option<usize>)| {
        let sides = [i.map(|i| &left[i]), j.map(|j| &right[j])];
        let same = matches!(sides, [Some(left), Some(right)] if is_same(left, right, addresses));
        StepPair { sides: sides.map(|step| step.map(compared)), same }
    };
    pairs.into_iter().map(pair).collect()
}

fn step_likeness(left: &StepView, right: &StepView) -> u32 {
    if (&left.place, &left.stage) != (&right.place, &right.stage) {
        return 0;
    }
    let cause = |step: &StepView| step.cause.as_ref().map(|cause| cause.table.clone());
    2 + u32::from(left.device == right.device)
        + u32::from(left.title == right.title)
        + u32::from(cause(left) == cause(right))
}

fn is_same(left: &StepView, right: &StepView, addresses: &Addresses) -> bool {
    // A device's number and its name stand before its flags.
    let row = |step: &StepView| match &step.cause {
        Some(cause) if cause.table == "link" => {
            cause.text.split_once('<').map_or_else(String::new, |row| row.1.to_owned())
        }
        Some(cause) => cause.text.clone(),
        None => String::new(),
    };
    (&left.device, &left.title, left.verdict) == (&right.device, &right.title, right.verdict)
        && addresses.translate(&row(left)) == row(right)
}

fn compared(step: &StepView) -> ComparedStep {
    ComparedStep {
        place: step.place.clone(),
        device: step.device.clone(),
        title: step.title.clone(),
        sentence: step.sentence.clone(),
        verdict: step.verdict,
        row: step.cause.as_ref().map_or(String::new(), |cause| cause.text.clone()),
    }
}
