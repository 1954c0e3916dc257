//! Help texts that teach by example.

pub const ALL: &str = "\
podhop: Kubernetes networking, packet by packet

  podhop sh -f pods.yaml -c 'kubectl exec pod-a -- ping -c 3 10.244.2.2'
      Runs a line of the console over a simulated cluster; without -c, reads lines from standard input.
      -i FILE gives the line's standard input.

  podhop trace -f pods.yaml --from default/pod-a --to 10.244.2.2
  podhop trace -f pods.yaml --from node/worker-1 --to default/web --port 80 --protocol TCP
      One conversation, step by step. --protocol ICMP|TCP|UDP|SCTP, --port N, --size BYTES, --ttl N, --df.
      --why also tells, of each step, the rows that were tried and what kept each from deciding.
      --json prints the whole trace, --pcap FILE writes it as pcapng.

  podhop reach -f pods.yaml
  podhop reach -f pods.yaml --port 80 --protocol TCP --workloads
  podhop reach -f pods.yaml --ranges
      Who can open a connection to whom, as the tables have it: at the ports that containers declare, at one port, or, of
      each pair, at which ports. --protocol ICMP pings. --workloads takes the Pods of a controller together. --all adds
      the cluster's own Pods, the nodes and a client outside; --only NAME, repeated, asks of these alone: POD,
      NAMESPACE/POD, node/NAME, outside or an address. --json, --csv and --svg print the same in other forms.

  podhop probe cases.jsonl
      Batch: one JSON case a line in, one JSON line of results out.

  podhop check labs/01-pod-to-pod.md
      Runs scenarios and compares their output; --update rewrites it.
  podhop check -f pods.yaml
      Tells all that is wrong with manifests and with the cluster that they make, and what would mend it.

  podhop export netns -f pods.yaml > up.sh
      A shell script that rebuilds the cluster as network namespaces on a Linux host (as root: sh up.sh; sh up.sh down).
      --prefix P names them P…

Options of all: -f PATH (a file, a folder, or - for standard input; may be repeated), --nodes N (workers), --seed N,
--cni flannel|calico|cilium, --proxy iptables|nftables|ipvs, --mesh none. Exit status: 0 fine, 1 the thing asked for failed,
2 wrong usage or unreadable input.
";
