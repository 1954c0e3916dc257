//! What the kubelet checks.

use std::sync::Arc;

use super::{IntOrString, reader};
use crate::manifest::{Diagnostics, Node, Span};

/// What a probe does.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeHandler {
    HttpGet { path: Arc<str>, port: IntOrString, host: Option<Arc<str>>, https: bool },
    TcpSocket { port: IntOrString, host: Option<Arc<str>> },
    Grpc { port: u16 },
    Exec { command: Vec<Arc<str>> },
}

/// `readinessProbe`, `livenessProbe` or `startupProbe`, with Kubernetes' defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub handler: ProbeHandler,
    pub initial_delay_seconds: u32,
    pub period_seconds: u32,
    pub timeout_seconds: u32,
    pub success_threshold: u32,
    pub failure_threshold: u32,
    pub span: Span,
}

impl Probe {
    /// The probe in field `name` of a container.
    pub fn project(container: &Node, name: &str, d: &mut Diagnostics) -> Option<Probe> {
        let node = reader::object(container, name, d)?;
        let Some(handler) = handler(node, d) else {
            let message = "Required value: must specify a handler type";
            d.error("required", node.span, message).hint("one of httpGet, tcpSocket, grpc, exec");
            return None;
        };
        let mut number = |field, default| reader::count(node, field, d).unwrap_or(default);
        Some(Probe {
            handler,
            initial_delay_seconds: number("initialDelaySeconds", 0),
            period_seconds: number("periodSeconds", 10).max(1),
            timeout_seconds: number("timeoutSeconds", 1).max(1),
            success_threshold: number("successThreshold", 1).max(1),
            failure_threshold: number("failureThreshold", 3).max(1),
            span: node.span,
        })
    }
}

fn handler(node: &Node, d: &mut Diagnostics) -> Option<ProbeHandler> {
    if let Some(http) = reader::object(node, "httpGet", d) {
        return Some(ProbeHandler::HttpGet {
            path: reader::text(http, "path", d).unwrap_or_else(|| "/".into()),
            port: reader::int_or_string(http, "port", d).unwrap_or(IntOrString::Int(0)),
            host: reader::text(http, "host", d),
            https: reader::choice(http, "scheme", &["HTTP", "HTTPS"], d) == Some(1),
        });
    }
    if let Some(tcp) = reader::object(node, "tcpSocket", d) {
        return Some(ProbeHandler::TcpSocket {
            port: reader::int_or_string(tcp, "port", d).unwrap_or(IntOrString::Int(0)),
            host: reader::text(tcp, "host", d),
        });
    }
    if let Some(grpc) = reader::object(node, "grpc", d) {
        return Some(ProbeHandler::Grpc { port: reader::port(grpc, "port", d).unwrap_or(0) });
    }
    let exec = reader::object(node, "exec", d)?;
    Some(ProbeHandler::Exec { command: reader::texts(exec, "command", d) })
}
