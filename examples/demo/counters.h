// What counters.bpf.c and its readers agree on.
#pragma once

#include <linux/types.h>

// Value of the map `counters`, one for each protocol.
struct counter {
  __u64 packets;
  __u64 bytes;
  __u64 dropped;
};

// Record in the ring buffer `drops`, one for each dropped packet. Addresses as text, ports in host order.
struct drop_event {
  char source[40];
  char destination[40];
  __u16 sport;
  __u16 dport;
  __u16 bytes;
  __u8 protocol;
};
