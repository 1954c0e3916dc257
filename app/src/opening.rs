//! What the page opens with: LAB 1 of the reference page.

/// Two Pods; the scheduler spreads them over the workers.
pub const FILE: &str = "pods.yaml";
pub const MANIFEST: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: pod-a
  labels:
    app: a
spec:
  containers:
    - name: app
      image: busybox
      command: ["sh", "-c", "sleep 3600"]
---
apiVersion: v1
kind: Pod
metadata:
  name: pod-b
  labels:
    app: b
spec:
  containers:
    - name: app
      image: busybox
      command: ["sh", "-c", "sleep 3600"]
"#;

pub const TITLE: &str = "Lab 1 · Pod to Pod";
pub const SEED: u64 = 1;
/// Prompt of a console that has not answered yet.
pub const PROMPT: &str = "student@host $";

/// The first command: pod-a pings pod-b at the address it has.
pub fn first_command(scene: &podhop_engine::protocol::Scene) -> Option<String> {
    let mut pods = scene.nodes.iter().flat_map(|node| &node.pods);
    let to = pods.find(|pod| pod.namespace == "default" && pod.name == "pod-b" && !pod.ip.is_empty())?;
    Some(["kubectl exec pod-a -- ping -c 3 ", &to.ip].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_opens_with_the_lab_s_own_manifest() {
        let lab = include_str!("../../labs/01-pod-to-pod.md");
        let fence = ["```yaml title=\"", FILE, "\"\n", MANIFEST, "```\n"].concat();
        assert!(lab.contains(&fence), "labs/01-pod-to-pod.md has another {FILE}");
    }
}
