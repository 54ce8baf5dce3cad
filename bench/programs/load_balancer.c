// A load balancer's hot path, as with direct server return: Ethernet, IPv4 and TCP parsed, the virtual service looked
// up in a hash map, the server on a ring of hashes in an array map, its MAC address and a traffic class written into
// the packet, the header's checksum mended, the packet counted and sent back. The first run fills the maps.
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "program.h"

#define SERVICES 64
#define RING_PLACES 256  // of a service

enum { kDrop = 1, kPass = 2, kSendBack = 3 };

struct service {
  __u32 ring;  // its first place
  __u8 traffic_class;
};
struct server {
  __u8 mac[ETH_ALEN];
  __u16 number;
};
struct counter {
  __u64 packets;
  __u64 bytes;
};

HASH_MAP(services, struct service, SERVICES);
ARRAY_MAP(ring, struct server, SERVICES* RING_PLACES);
PERCPU_ARRAY_MAP(counters, struct counter, 1024);

#define ROTATE(x, k) ((x) << (k) | (x) >> (32 - (k)))

// Bob Jenkins' lookup3 over three words.
static inline __u32 hash_of(__u32 a, __u32 b, __u32 c) {
  const __u32 start = 0xdeadbeef + 12;
  a += start, b += start, c += start;
  c ^= b, c -= ROTATE(b, 14);
  a ^= c, a -= ROTATE(c, 11);
  b ^= a, b -= ROTATE(a, 25);
  c ^= b, c -= ROTATE(b, 16);
  a ^= c, a -= ROTATE(c, 4);
  b ^= a, b -= ROTATE(a, 14);
  c ^= b, c -= ROTATE(b, 24);
  return c;
}

static inline __u32 fill(__u64 key) {
  const struct service service = {3 * RING_PLACES, 0x28};
  UPDATE(services, &key, &service);
#pragma unroll 1
  for (__u32 i = 0; i < RING_PLACES; ++i) {
    const __u32 place = service.ring + i;
    const __u8 number = (__u8)(i * 37);
    const struct server server = {{0x02, 0, 0, 0, 1, number}, number};
    UPDATE(ring, &place, &server);
  }
  return kPass;
}

PROGRAM(load_balancer) {
  struct ethhdr* eth = (void*)data;
  struct iphdr* ip = (void*)(eth + 1);
  const struct tcphdr* tcp = (const void*)(ip + 1);
  if ((const __u8*)(tcp + 1) > end) return kDrop;
  if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_TCP) return kPass;
  if (ip->frag_off & bpf_htons(0x3fff)) return kDrop;

  const __u64 key = ip->daddr | (__u64)tcp->dest << 32 | (__u64)ip->protocol << 48;
  const struct service* service = LOOKUP(services, &key);
  if (!service) return fill(key);
  const __u32 ports = tcp->source | (__u32)tcp->dest << 16;
  const __u32 place = service->ring + hash_of(ip->saddr, ip->daddr, ports) % RING_PLACES;
  const struct server* server = LOOKUP(ring, &place);
  if (!server) return kDrop;

  __builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
  __builtin_memcpy(eth->h_dest, server->mac, ETH_ALEN);
  const __u16 before = *(const __u16*)ip;
  ip->tos = service->traffic_class;
  __u32 sum = (__u16)~ip->check + (__u16)~before + *(const __u16*)ip;  // RFC 1624
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->check = (__u16)~sum;

  const __u32 number = server->number;
  struct counter* counter = LOOKUP(counters, &number);
  if (!counter) return kDrop;
  counter->packets += 1;
  counter->bytes += (__u64)(end - data);
  return kSendBack | number << 8 | (__u32)ip->check << 16;
}
