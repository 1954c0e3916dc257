//! A node as a room: Pods in it, the bridge they are plugged into, the tunnel device, the NIC at the bottom.

use super::geometry::{Point, Rect, point, rect};
use super::layout::Focus;
use podhop_engine::protocol::NodeView;

const PAD: f64 = 26.0;
/// The node's name and address.
pub const HEAD: f64 = 62.0;
pub const POD_WIDTH: f64 = 116.0;
const POD_HEIGHT: f64 = 62.0;
const POD_GAP: f64 = 16.0;
const CHIP_HEIGHT: f64 = 24.0;
const MARK: f64 = 14.0;
const MARK_GAP: f64 = 4.0;
const VETH: f64 = 42.0;
const DEVICE_HEIGHT: f64 = 26.0;
const DEVICE_WIDTH: f64 = 148.0;
/// From the top of the bridge to the bottom of the room: bridge, tunnel device, NIC.
///
/// Between the devices and the way round them is a column for the kernel's stations (`stack.rs`), which are drawn from
/// close by: PREROUTING above Route, POSTROUTING below Neighbor; what is filtered is filtered at Forward and Sockets.
const LOWER: f64 = DEVICE_HEIGHT + 30.0 + DEVICE_HEIGHT + 28.0 + DEVICE_HEIGHT + 24.0;
/// The column of the stations.
pub const STACK_X: f64 = PAD + DEVICE_WIDTH + 18.0;
pub const STACK_WIDTH: f64 = 82.0;
/// From above the Pods that have boxes to the bottom of the room.
pub const STACK_HEIGHT: f64 = POD_HEIGHT + VETH + LOWER + 4.0;
/// Named chips; beyond that, the rest are marks.
const CHIPS_MAX: usize = 4;

/// How a Pod is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodShape {
    /// A box with name and address, wired to the bridge.
    Box,
    /// A line with its name.
    Chip,
    /// A square.
    Mark,
    /// A square on the node's own network.
    HostMark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PodPlace {
    pub pod: usize,
    pub shape: PodShape,
    pub rect: Rect,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DevicePlace {
    pub device: usize,
    pub rect: Rect,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    pub node: usize,
    pub rect: Rect,
    pub mirrored: bool,
    pub pods: Vec<PodPlace>,
    pub devices: Vec<DevicePlace>,
    /// The bridge, the tunnel device and the NIC, if the node has them: indices into `devices`.
    pub bridge: Option<usize>,
    pub tunnel: Option<usize>,
    pub nic: Option<usize>,
    /// x of the way down through tunnel and NIC, and of the way round the tunnel.
    pub lane_x: f64,
    pub bypass_x: f64,
    /// y of the bridge's, the tunnel's and the NIC's middle.
    pub bridge_y: f64,
    /// y at which packets run along the bridge: under its name.
    pub bridge_way_y: f64,
    pub tunnel_y: f64,
    pub nic_y: f64,
}

/// What a room will hold, before it has a place.
pub struct RoomPlan {
    pub node: usize,
    boxes: Vec<usize>,
    chips: Vec<usize>,
    marks: Vec<usize>,
    hosts: Vec<usize>,
    columns: usize,
}

impl RoomPlan {
    pub fn width(&self) -> f64 {
        2.0 * PAD + self.columns as f64 * (POD_WIDTH + POD_GAP) - POD_GAP
    }

    fn marks_per_row(&self) -> usize {
        ((self.width() - 2.0 * PAD + MARK_GAP) / (MARK + MARK_GAP)).floor() as usize
    }

    /// Height of chips and marks above the boxes.
    fn crowd(&self) -> f64 {
        let chip_rows = self.chips.len().div_ceil(self.columns) as f64;
        let mark_rows = self.marks.len().div_ceil(self.marks_per_row()) as f64;
        let chips = chip_rows * (CHIP_HEIGHT + 8.0);
        let marks = if mark_rows > 0.0 { mark_rows * (MARK + MARK_GAP) + 8.0 } else { 0.0 };
        chips + marks
    }

    pub fn height(&self) -> f64 {
        HEAD + self.crowd() + POD_HEIGHT + VETH + LOWER
    }
}

/// Chooses how each Pod of the node is drawn: the conversation's as boxes, then the user's own, then the system's.
pub fn plan(index: usize, node: &NodeView, focus: &Focus, boxes_max: usize) -> RoomPlan {
    let mut wired: Vec<usize> = Vec::new();
    let mut hosts = Vec::new();
    for (i, pod) in node.pods.iter().enumerate() {
        if pod.host_network { hosts.push(i) } else { wired.push(i) }
    }
    let index_of = |place: &String| wired.iter().copied().find(|i| node.pods[*i].place == *place);
    let concerned: Vec<usize> = focus.places.iter().filter_map(index_of).collect();
    let others = |system: bool| {
        let is = move |i: &&usize| node.pods[**i].system == system;
        wired.iter().filter(is).filter(|i| !concerned.contains(i)).copied().collect::<Vec<usize>>()
    };
    let mut wired = [concerned.clone(), others(false), others(true)].concat();
    let columns = boxes_max.min(wired.len()).max(2);
    let rest = wired.split_off(columns.min(wired.len()));
    let (chips, marks) = if rest.len() <= CHIPS_MAX.max(columns) { (rest, Vec::new()) } else { (Vec::new(), rest) };
    RoomPlan { node: index, boxes: wired, chips, marks, hosts, columns }
}

/// Gives everything in the room its place. A mirrored room has its way down on the right.
pub fn place(plan: &RoomPlan, node: &NodeView, room: Rect, mirrored: bool) -> Room {
    let left = |x: f64, width: f64| if mirrored { room.right() - x - width } else { room.x + x };
    let bridge_top = room.bottom() - LOWER;
    let boxes_top = bridge_top - VETH - POD_HEIGHT;
    let mut pods = Vec::new();
    for (column, pod) in plan.boxes.iter().enumerate() {
        let x = left(PAD + column as f64 * (POD_WIDTH + POD_GAP), POD_WIDTH);
        pods.push(PodPlace { pod: *pod, shape: PodShape::Box, rect: rect(x, boxes_top, POD_WIDTH, POD_HEIGHT) });
    }
    let crowd_top = boxes_top - plan.crowd();
    for (i, pod) in plan.chips.iter().enumerate() {
        let (column, row) = ((i % plan.columns) as f64, (i / plan.columns) as f64);
        let x = left(PAD + column * (POD_WIDTH + POD_GAP), POD_WIDTH);
        let at = rect(x, crowd_top + row * (CHIP_HEIGHT + 8.0), POD_WIDTH, CHIP_HEIGHT);
        pods.push(PodPlace { pod: *pod, shape: PodShape::Chip, rect: at });
    }
    for (i, pod) in plan.marks.iter().enumerate() {
        let per_row = plan.marks_per_row();
        let (column, row) = ((i % per_row) as f64, (i / per_row) as f64);
        let x = left(PAD + column * (MARK + MARK_GAP), MARK);
        let at = rect(x, crowd_top + row * (MARK + MARK_GAP), MARK, MARK);
        pods.push(PodPlace { pod: *pod, shape: PodShape::Mark, rect: at });
    }
    let tunnel_top = bridge_top + DEVICE_HEIGHT + 30.0;
    let nic_top = tunnel_top + DEVICE_HEIGHT + 28.0;
    let half = DEVICE_HEIGHT / 2.0;
    let hosts_width = room.width - 2.0 * PAD - DEVICE_WIDTH - 24.0;
    let hosts_per_row = ((hosts_width + MARK_GAP) / (MARK + MARK_GAP)).floor().max(1.0) as usize;
    // Two rows are room enough for what runs on a node's own network; the list beside the stage names all of them.
    for (i, pod) in plan.hosts.iter().take(2 * hosts_per_row).enumerate() {
        let (column, row) = ((i % hosts_per_row) as f64, (i / hosts_per_row) as f64);
        let x = left(PAD + DEVICE_WIDTH + 12.0 + column * (MARK + MARK_GAP), MARK);
        let at = rect(x, nic_top + 12.0 + row * (MARK + MARK_GAP), MARK, MARK);
        pods.push(PodPlace { pod: *pod, shape: PodShape::HostMark, rect: at });
    }
    let mut made = Room {
        node: plan.node,
        rect: room,
        mirrored,
        pods,
        devices: Vec::new(),
        bridge: None,
        tunnel: None,
        nic: None,
        lane_x: left(PAD + POD_WIDTH / 2.0, 0.0),
        bypass_x: left(room.width - 14.0, 0.0),
        bridge_y: bridge_top + half,
        bridge_way_y: bridge_top + 20.0,
        tunnel_y: tunnel_top + half,
        nic_y: nic_top + half,
    };
    let bar = rect(room.x + PAD, bridge_top, room.width - 2.0 * PAD, DEVICE_HEIGHT);
    let small = |top: f64| rect(left(PAD, DEVICE_WIDTH), top, DEVICE_WIDTH, DEVICE_HEIGHT);
    made.bridge = add_device(&mut made.devices, node, "bridge", bar);
    made.tunnel = add_device(&mut made.devices, node, "vxlan", small(tunnel_top))
        .or_else(|| add_device(&mut made.devices, node, "ipip", small(tunnel_top)));
    made.nic = add_device(&mut made.devices, node, "nic", small(nic_top));
    made
}

fn add_device(devices: &mut Vec<DevicePlace>, node: &NodeView, kind: &str, rect: Rect) -> Option<usize> {
    let device = node.devices.iter().position(|device| device.kind == kind)?;
    devices.push(DevicePlace { device, rect });
    Some(devices.len() - 1)
}

impl Room {
    /// Where the node's own processes and sockets are: beside the NIC.
    pub fn own_processes(&self) -> Point {
        point(self.bypass_x, self.nic_y - 8.0)
    }

    /// The middle of a Pod's lower edge: its eth0.
    pub fn pod_plug(&self, pod: usize) -> Option<Point> {
        let place = self.pods.iter().find(|place| place.pod == pod)?;
        Some(point(place.rect.center().x, place.rect.bottom()))
    }
}
