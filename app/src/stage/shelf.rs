//! The shelf above the rooms: Services, which are nowhere and everywhere. Whoever points at one sees its endpoints.

use super::geometry::{Point, Rect, point, rect};
use super::layout::{Focus, Layout, Target};
use super::prim::{Align, Picture, Prim, Stroke, Tone, stroke};
use super::text::{self, Face};
use crate::glyph::Glyph;
use podhop_engine::protocol::{PodView, Scene, ServiceView};

const WIDTH: f64 = 170.0;
const HEIGHT: f64 = 40.0;
const GAP: f64 = 12.0;
const ROWS_MAX: usize = 2;
/// Its title above it.
const TITLE: f64 = 24.0;
/// From the shelf to the rooms: room for the lines to the endpoints.
const BELOW: f64 = 26.0;
/// Load balancers that the gateway names.
pub const BALANCERS_MAX: usize = 2;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    /// Index in `Scene.services`.
    pub chips: Vec<(usize, Rect)>,
    /// Stands for those that have no chip.
    pub more: Option<Rect>,
}

impl Shelf {
    /// A shelf of this width that ends above y = 0. Without a Service of the user's there is none.
    pub fn new(scene: &Scene, width: f64) -> Shelf {
        if scene.services.iter().all(|service| service.system) {
            return Shelf::default();
        }
        let columns = ((width + GAP) / (WIDTH + GAP)).floor().max(1.0) as usize;
        let (count, room) = (scene.services_count as usize, columns * ROWS_MAX);
        let shown = if count > room { room - 1 } else { scene.services.len() };
        let cells = shown + usize::from(count > shown);
        let rows = cells.div_ceil(columns);
        let at = |cell: usize| {
            let (column, row) = ((cell % columns) as f64, (cell / columns) as f64);
            let top = -BELOW - rows as f64 * (HEIGHT + GAP) + GAP;
            rect(column * (WIDTH + GAP), top + row * (HEIGHT + GAP), WIDTH, HEIGHT)
        };
        let more = (count > shown).then(|| at(shown));
        Shelf { chips: (0..shown.min(scene.services.len())).map(|chip| (chip, at(chip))).collect(), more }
    }

    pub fn rects(&self) -> impl Iterator<Item = Rect> + '_ {
        self.chips.iter().map(|(_, place)| *place).chain(self.more)
    }

    /// All of it with its title.
    pub fn frame(&self) -> Option<Rect> {
        let all = self.rects().reduce(Rect::union)?;
        Some(rect(all.x, all.y - TITLE, all.width, all.height + TITLE))
    }

    pub fn rect_of(&self, service: usize) -> Option<Rect> {
        self.chips.iter().find(|(index, _)| *index == service).map(|(_, place)| *place)
    }
}

/// `10.96.58.57:80`, `headless :80`, `→ db.example.com`
pub fn address_line(service: &ServiceView) -> String {
    if !service.external_name.is_empty() {
        return ["→ ", &service.external_name].concat();
    }
    let ports: Vec<String> = service.ports.iter().map(|port| port.port.to_string()).collect();
    let ip = service.cluster_ips.first().map_or("headless ", String::as_str);
    let parted = if ports.is_empty() { "" } else { ":" };
    [ip, parted, &ports.join(",")].concat()
}

/// How many endpoints are ready, and the tone to say it in; empty for a Service that has none by nature.
pub fn readiness(service: &ServiceView) -> (String, Tone) {
    if !service.external_name.is_empty() {
        return (String::new(), Tone::Ink3);
    }
    let tone = match (service.ready_count, service.endpoints_count) {
        (0, _) => Tone::Drop,
        (ready, all) if ready < all => Tone::Wait,
        _ => Tone::Ink3,
    };
    ([&service.ready_count.to_string(), "/", &service.endpoints_count.to_string(), " ready"].concat(), tone)
}

/// Whether the conversation is about the Service: one of its Pods is in it, or its own address.
fn is_concerned(service: &ServiceView, focus: &Focus) -> bool {
    let own = |place: &String| service.cluster_ips.contains(place) || service.ingress.contains(place);
    focus.places.iter().any(own)
}

/// Draws the shelf; from afar in letters `large` times as large.
pub fn draw(picture: &mut Picture, scene: &Scene, layout: &Layout, focus: &Focus, large: Option<f64>) {
    let shelf = &layout.shelf;
    if let Some((_, first)) = shelf.chips.first().filter(|_| large.is_none()) {
        picture.text(point(first.x + 4.0, first.y - 8.0), "Services", Face::Note, Tone::Ink3);
    }
    for (index, place) in &shelf.chips {
        chip(picture, &scene.services[*index], *place, focus, large);
    }
    if let Some(place) = shelf.more {
        picture.boxed(place, 9.0, Tone::Paper, Stroke { tone: Tone::Line, width: 1.0, dashed: true });
        let left = scene.services_count as usize - shelf.chips.len();
        let label = ["+", &crate::text::thousands(left as u32), " more · find"].concat();
        let scale = large.unwrap_or(1.0).min(1.6);
        let at = point(place.center().x, place.center().y + 4.0 * scale);
        picture.scaled(at, label, (Face::Note, scale), Tone::Ink2, Align::Center);
    }
}

fn chip(picture: &mut Picture, service: &ServiceView, place: Rect, focus: &Focus, large: Option<f64>) {
    let concerned = is_concerned(service, focus);
    let edge = if concerned { stroke(Tone::Ink, 1.3) } else { stroke(Tone::Line, 1.0) };
    picture.boxed(place, 9.0, Tone::Sheet, edge);
    if let Some(large) = large {
        let scale = large.min(2.0);
        let name = text::fit(&service.name, (place.width - 16.0) / scale, Face::Note);
        let at = point(place.x + 8.0, place.center().y + 4.0 * scale);
        return picture.scaled(at, name, (Face::Note, scale), Tone::Ink, Align::Left);
    }
    let tone = if service.system { Tone::Ink2 } else { Tone::Ink };
    picture.glyph(point(place.x + 8.0, place.y + 7.0), Glyph::Service, 13.0, Tone::Ink2);
    let (ready, ready_tone) = readiness(service);
    let ready = ready.split(' ').next().unwrap_or_default();
    let face = if concerned { Face::Strong } else { Face::Plain };
    let room = place.width - 38.0 - text::width(ready, Face::Note);
    picture.text(point(place.x + 27.0, place.y + 17.0), text::fit(&service.name, room, face), face, tone);
    picture.aligned(point(place.right() - 8.0, place.y + 17.0), ready, Face::Note, ready_tone, Align::Right);
    let line = text::fit(&address_line(service), place.width - 18.0, Face::Mono);
    picture.text(point(place.x + 9.0, place.y + 32.0), line, Face::Mono, Tone::Ink2);
}

/// Where a Pod stands in the scene.
pub fn pod_at<'s>(scene: &'s Scene, place: &str) -> Option<(Target, &'s PodView)> {
    scene.nodes.iter().enumerate().find_map(|(at, node)| {
        let pod = node.pods.iter().position(|pod| pod.place == place)?;
        Some((Target::Pod(at, pod), &node.pods[pod]))
    })
}

/// The lines from a Service to the Pods behind it: dashed to those that are not ready.
pub fn threads(scene: &Scene, layout: &Layout, service: usize) -> Picture {
    let mut picture = Picture::default();
    let Some((of, chip)) = scene.services.get(service).zip(layout.shelf.rect_of(service)) else { return picture };
    // Down between the chips, then along above the rooms.
    let start = point(chip.x + chip.width / 2.0, chip.bottom());
    let side = chip.x - GAP / 2.0;
    let lane = -BELOW / 2.0;
    let in_last_row = chip.bottom() >= -BELOW - 1.0;
    let down: Vec<Point> = match in_last_row {
        true => vec![start, point(start.x, lane)],
        false => {
            let y = chip.bottom() + GAP / 2.0;
            vec![start, point(start.x, y), point(side, y), point(side, lane)]
        }
    };
    for endpoint in &of.endpoints {
        let place = pod_at(scene, &endpoint.place).and_then(|(target, _)| layout.rect_of(&target));
        let Some(place) = place else { continue };
        let pen = Stroke {
            tone: if endpoint.ready { Tone::Accent } else { Tone::Wait },
            width: 1.3,
            dashed: !endpoint.ready,
        };
        let mut points = down.clone();
        points.extend([point(place.center().x, lane), point(place.center().x, place.y - 3.0)]);
        picture.prims.push(Prim::Line { points, stroke: pen, opacity: 0.75, arrow: false });
        let around = place.grown(3.0);
        picture.prims.push(Prim::Box { rect: around, radius: 10.0, fill: None, stroke: Some(pen), shadow: false });
    }
    picture
}

/// The load balancers' addresses and their Services: `203.0.113.10 → web`.
pub fn balancers(scene: &Scene) -> Vec<String> {
    let of = scene.services.iter().filter(|service| service.kind == "LoadBalancer");
    let lines = of.filter_map(|service| Some([service.ingress.first()?, " → ", &service.name].concat()));
    let mut lines: Vec<String> = lines.collect();
    if lines.len() > BALANCERS_MAX {
        let left = lines.len() - BALANCERS_MAX + 1;
        lines.truncate(BALANCERS_MAX - 1);
        lines.push(["and ", &left.to_string(), " more"].concat());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::layout::layout;
    use super::*;
    use crate::fixture;

    #[test]
    fn only_services_of_the_user_s_make_a_shelf() {
        let mut scene = fixture::scene(2, 2);
        scene.services = vec![ServiceView { system: true, ..fixture::service("kube-dns", &[]) }];
        scene.services_count = 1;
        assert_eq!(Shelf::new(&scene, 600.0), Shelf::default());
        scene.services.insert(0, fixture::service("web", &[]));
        scene.services_count = 2;
        let shelf = Shelf::new(&scene, 600.0);
        assert_eq!(shelf.chips.len(), 2);
        assert_eq!(shelf.more, None);
        assert!(shelf.rects().all(|chip| chip.bottom() < 0.0));
    }

    #[test]
    fn ten_thousand_services_are_two_rows_that_say_how_many_more_there_are() {
        let mut scene = fixture::scene(2, 2);
        scene.services = (0..400).map(|i| fixture::service(&["web-", &i.to_string()].concat(), &[])).collect();
        scene.services_count = 10_000;
        let made = layout(&scene, &Focus::default());
        let more = made.shelf.more.expect("a chip for the others");
        let tops: Vec<i64> = made.shelf.rects().map(|chip| chip.y as i64).collect();
        assert_eq!(tops.iter().collect::<std::collections::BTreeSet<_>>().len(), ROWS_MAX);
        assert_eq!(made.hit(more.center()), Some(Target::MoreServices));
        let picture =
            super::super::picture::picture(&scene, &made, &Focus::default(), super::super::picture::Detail::Near);
        let left = crate::text::thousands(10_000 - made.shelf.chips.len() as u32);
        let says = |prim: &Prim| matches!(prim, Prim::Text { text, .. } if text.contains(&left));
        assert!(picture.prims.iter().any(says));
    }

    #[test]
    fn a_service_s_threads_lead_to_its_endpoints_and_say_which_are_not_ready() {
        let mut scene = fixture::scene(2, 2);
        scene.services = vec![fixture::service("web", &["pod/default/pod-a", "pod/default/pod-b"])];
        scene.services[0].endpoints[1].ready = false;
        scene.services[0].ready_count = 1;
        scene.services_count = 1;
        let made = layout(&scene, &Focus::default());
        let picture = threads(&scene, &made, 0);
        let lines: Vec<(&Vec<Point>, bool)> = (picture.prims.iter())
            .filter_map(|prim| match prim {
                Prim::Line { points, stroke, .. } => Some((points, stroke.dashed)),
                _ => None,
            })
            .collect();
        assert_eq!(lines.iter().map(|line| line.1).collect::<Vec<_>>(), [false, true]);
        for ((points, _), name) in lines.iter().zip(["pod-a", "pod-b"]) {
            let (target, _) = pod_at(&scene, &["pod/default/", name].concat()).unwrap();
            let place = made.rect_of(&target).unwrap();
            let end = points.last().unwrap();
            assert!(end.x == place.center().x && (place.y - end.y) < 4.0);
            assert!(points.windows(2).all(|pair| pair[0].x == pair[1].x || pair[0].y == pair[1].y));
        }
        assert_eq!(readiness(&scene.services[0]), ("1/2 ready".to_string(), Tone::Wait));
    }

    #[test]
    fn addresses_are_told_by_what_the_service_is() {
        let web = fixture::service("web", &[]);
        assert_eq!(address_line(&web), "10.96.0.50:80");
        assert_eq!(address_line(&ServiceView { cluster_ips: Vec::new(), ..web.clone() }), "headless :80");
        let outside = ServiceView { external_name: "db.example.com".into(), ..web };
        assert_eq!(address_line(&outside), "→ db.example.com");
        assert_eq!(readiness(&outside).0, "");
    }

    #[test]
    fn the_gateway_names_few_load_balancers() {
        let mut scene = fixture::scene(1, 1);
        let balanced = |name: &str| ServiceView {
            kind: "LoadBalancer".into(),
            ingress: vec!["203.0.113.10".into()],
            ..fixture::service(name, &[])
        };
        scene.services = vec![balanced("web")];
        assert_eq!(balancers(&scene), ["203.0.113.10 → web"]);
        scene.services = ["a", "b", "c"].map(balanced).to_vec();
        assert_eq!(balancers(&scene), ["203.0.113.10 → a", "and 2 more"]);
    }
}
