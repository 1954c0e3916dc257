//! What web servers print.

use super::Line;
use crate::cluster::PodRecord;
use crate::console::kubectl::Command;
use crate::console::net::clock::Moment;
use crate::dataplane::Request;
use crate::manifest::typed::Container;
use crate::tables::{App, Listener, Origin};
use crate::trace::Nanos;
use crate::workload::Image;
use std::collections::BTreeMap;

/// The first release of nginx whose image prints what is known here.
const NGINX_SINCE: (u32, u32) = (1, 25);

impl Command<'_, '_> {
    /// What a container's web servers have printed: as they started, and of the requests that they have answered.
    pub(super) fn server_lines(&mut self, pod: &PodRecord, container: usize, started: Nanos) -> Vec<Line> {
        let Some(netns) = pod.netns.and_then(|netns| self.machine.world.netns(netns)) else { return Vec::new() };
        let path = format!("spec.containers[{container}].");
        let is_own = |listener: &&Listener| matches!(&listener.origin, Origin::Object { uid, path: own } if *uid == pod.uid && own.starts_with(&path));
        let own: BTreeMap<u16, &App> =
            netns.listeners.iter().filter(is_own).map(|listener| (listener.port, &listener.app)).collect();
        let state = self.machine.world.state(netns.id);
        let requests = state.into_iter().flat_map(|state| state.requests());
        let answered = requests.filter_map(|request| Some((request.at, line(own.get(&request.port)?, request)?)));
        let start =
            pod.spec.containers.get(container).map_or_else(Vec::new, |container| start(container, &own, started));
        start.into_iter().map(|line| (started, line)).chain(answered).collect()
    }
}

/// What the official image of nginx prints as it starts. Models docker-nginx entrypoint/docker-entrypoint.sh and
/// src/core/nginx.c; what only the machine could tell is left out: compiler, kernel, limits and processes.
fn start(container: &Container, own: &BTreeMap<u16, &App>, started: Nanos) -> Vec<String> {
    let server = own.values().find_map(|app| match app {
        App::Http { server, .. } => server.strip_prefix("nginx/"),
        _ => None,
    });
    let image = Image::parse(&container.image);
    let (Some(version), "nginx") = (server, image.repository) else { return Vec::new() };
    // Other files may print other lines.
    let configures =
        |mount: &str| ["/etc/nginx", "/docker-entrypoint.d"].iter().any(|folder| mount.starts_with(folder));
    if container.mounts.iter().any(|mount| configures(mount)) {
        return Vec::new();
    }
    // A tag without a number is of a release that is new enough.
    let mut numbers = image.tag.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let is_old = numbers.next().is_some_and(|major| (major, numbers.next().unwrap_or(u32::MAX)) < NGINX_SINCE);
    if is_old {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let runs_nginx = container.args.first().is_none_or(|first| &**first == "nginx");
    let is_quiet = |name: &str| container.env.iter().any(|var| &*var.name == name && var.value.as_deref() != Some(""));
    if container.command.is_empty() && runs_nginx && !is_quiet("NGINX_ENTRYPOINT_QUIET_LOGS") {
        let (entry, folder) = ("/docker-entrypoint.sh:", "/docker-entrypoint.d/");
        let listen = "10-listen-on-ipv6-by-default.sh";
        let page = "/etc/nginx/conf.d/default.conf";
        lines.extend([
            format!("{entry} {folder} is not empty, will attempt to perform configuration"),
            format!("{entry} Looking for shell scripts in {folder}"),
            format!("{entry} Launching {folder}{listen}"),
            format!("{listen}: info: Getting the checksum of {page}"),
            format!("{listen}: info: Enabled listen on IPv6 in {page}"),
            format!("{entry} Sourcing {folder}15-local-resolvers.envsh"),
            format!("{entry} Launching {folder}20-envsubst-on-templates.sh"),
            format!("{entry} Launching {folder}30-tune-worker-processes.sh"),
            format!("{entry} Configuration complete; ready for start up"),
        ]);
    }
    let moment = Moment::new(started);
    let notice = format!("{}/{:02}/{:02} {} [notice] 1#1:", moment.year, moment.month, moment.day, moment.time());
    lines.extend([
        format!("{notice} using the \"epoll\" event method"),
        format!("{notice} nginx/{version}"),
        format!("{notice} start worker processes"),
    ]);
    lines
}

/// A request as the program prints it.
fn line(app: &App, request: &Request) -> Option<String> {
    let Request { client, line, status, len, .. } = request;
    let moment = Moment::new(request.at);
    let time = format!(
        "{:02}/{}/{}:{:02}:{:02}:{:02} +0000",
        moment.day,
        moment.month_name(),
        moment.year,
        moment.hour,
        moment.minute,
        moment.second
    );
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    match app {
        // log_format main of nginx.conf
        App::Http { server, .. } if server.starts_with("nginx") => Some(format!(
            "{client} - - [{time}] \"{line}\" {status} {len} \"{}\" \"{}\" \"-\"",
            dash(&request.referer),
            dash(&request.agent)
        )),
        // The Common Log Format of httpd.conf
        App::Http { server, .. } if server.starts_with("Apache") => {
            Some(format!("{client} - - [{time}] \"{line}\" {status} {len}"))
        }
        // kubernetes test/images/agnhost/netexec
        App::Netexec { .. } => {
            let mut words = line.split(' ');
            let (method, path) = (words.next()?, words.next()?);
            let date = format!("{}/{:02}/{:02} {}", moment.year, moment.month, moment.day, moment.time());
            Some(format!("{date} {method} {path}"))
        }
        _ => None,
    }
}
