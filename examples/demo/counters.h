// What counters.bpf.c and its readers agree on.
#pragma once

#include <linux/types.h>

// Value of the map `counters`, one for each protocol.
struct counter {
  __u64 packets;
  __u64 bytes;
  __u64 dropped;
};

// Record in the ring buffer `drops`, one for each dropped packet. Ports are in host order, addresses in network order;
// an IPv4 address takes the first 4 bytes.
struct drop_event {
  __u8 saddr[16];
  __u8 daddr[16];
  __u16 sport;
  __u16 dport;
  __u16 bytes;
  __u8 ip_version;
  __u8 protocol;
};
