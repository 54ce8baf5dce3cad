// Counts packets and bytes by protocol, drops TCP and UDP to one port, and reports each drop through a ring buffer.
//
// Every `report_every` packets it says with bpf_printk how many it has seen. The key of `counters` is the IP protocol
// (1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6) or, for what is not IP, the Ethernet type (2054 ARP). Plain C, no CO-RE: the
// packet formats are those of <linux/…>.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"

__u16 blocked_port = 23;                  // set before the run to block another
const volatile __u32 report_every = 500;  // packets
__u64 packets_seen = 0;
__u64 packets_dropped = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct counter);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 65536);
} drops SEC(".maps");

struct vlan_header {
  __be16 tci;
  __be16 type;
};

// What is known of a packet once its headers are read.
struct flow {
  __u32 key;        // of the map
  __u8 ip_version;  // 0: not IP
  __u8 protocol;
  const void* network;
  const void* transport;  // null: none that is read
};

static __always_inline bool read_ipv4(struct flow* flow, const void* at, const void* end) {
  const struct iphdr* ip = at;
  if ((const void*)(ip + 1) > end || ip->ihl < 5) return false;
  flow->key = flow->protocol = ip->protocol;
  flow->ip_version = 4;
  flow->network = at;
  // A later fragment has no transport header.
  flow->transport = ip->frag_off & bpf_htons(0x1fff) ? NULL : at + ip->ihl * 4;
  return true;
}

static __always_inline bool read_ipv6(struct flow* flow, const void* at, const void* end) {
  const struct ipv6hdr* ip = at;
  if ((const void*)(ip + 1) > end) return false;
  flow->key = flow->protocol = ip->nexthdr;
  flow->ip_version = 6;
  flow->network = at;
  flow->transport = ip + 1;
  return true;
}

static __always_inline bool read_headers(struct flow* flow, const void* data, const void* end) {
  const struct ethhdr* ethernet = data;
  if ((const void*)(ethernet + 1) > end) return false;
  __u16 type = bpf_ntohs(ethernet->h_proto);
  const void* at = ethernet + 1;
  if (type == ETH_P_8021Q || type == ETH_P_8021AD) {
    const struct vlan_header* vlan = at;
    if ((const void*)(vlan + 1) > end) return false;
    type = bpf_ntohs(vlan->type);
    at = vlan + 1;
  }
  if (type == ETH_P_IP) return read_ipv4(flow, at, end);
  if (type == ETH_P_IPV6) return read_ipv6(flow, at, end);
  flow->key = type;
  return true;
}

// A function of its own, so that the object's BTF describes the event to those who print it.
static __noinline void describe(struct drop_event* event, __u8 protocol, __u16 bytes) {
  __builtin_memset(event, 0, sizeof(*event));
  event->protocol = protocol;
  event->bytes = bytes;
}

static __always_inline void report(const struct flow* flow, const __be16* ports, __u16 bytes) {
  struct drop_event* event = bpf_ringbuf_reserve(&drops, sizeof(*event), 0);
  if (!event) return;
  describe(event, flow->protocol, bytes);
  event->sport = bpf_ntohs(ports[0]);
  event->dport = bpf_ntohs(ports[1]);
  if (flow->ip_version == 4) {
    const struct iphdr* ip = flow->network;
    BPF_SNPRINTF(event->source, sizeof(event->source), "%pI4", &ip->saddr);
    BPF_SNPRINTF(event->destination, sizeof(event->destination), "%pI4", &ip->daddr);
  } else {
    const struct ipv6hdr* ip = flow->network;
    BPF_SNPRINTF(event->source, sizeof(event->source), "%pI6", &ip->saddr);
    BPF_SNPRINTF(event->destination, sizeof(event->destination), "%pI6", &ip->daddr);
  }
  bpf_ringbuf_submit(event, 0);
}

// TCP and UDP both start with source and destination port.
static __always_inline bool is_blocked(const struct flow* flow, const void* end, __u16 bytes) {
  if (flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP) return false;
  const __be16* ports = flow->transport;
  if (!ports || (const void*)(ports + 2) > end || ports[1] != bpf_htons(blocked_port)) return false;
  report(flow, ports, bytes);
  return true;
}

static __always_inline void count(__u32 key, __u64 bytes, bool dropped) {
  struct counter* counter = bpf_map_lookup_elem(&counters, &key);
  if (!counter) {
    struct counter zero = {};
    bpf_map_update_elem(&counters, &key, &zero, BPF_NOEXIST);
    counter = bpf_map_lookup_elem(&counters, &key);
    if (!counter) return;
  }
  __sync_fetch_and_add(&counter->packets, 1);
  __sync_fetch_and_add(&counter->bytes, bytes);
  if (dropped) __sync_fetch_and_add(&counter->dropped, 1);
}

SEC("xdp")
int count_and_filter(struct xdp_md* ctx) {
  const void* data = (const void*)(long)ctx->data;
  const void* end = (const void*)(long)ctx->data_end;
  const __u64 bytes = end - data;
  struct flow flow = {};
  bool drop = true;  // what cannot be read is dropped

  if (read_headers(&flow, data, end)) drop = is_blocked(&flow, end, bytes);
  count(flow.key, bytes, drop);

  const __u64 seen = __sync_fetch_and_add(&packets_seen, 1) + 1;
  if (drop) __sync_fetch_and_add(&packets_dropped, 1);
  if (seen % report_every == 0) bpf_printk("%llu packets seen, %llu dropped", seen, packets_dropped);
  return drop ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
