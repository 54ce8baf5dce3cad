// A packet filter: Ethernet, up to two VLAN tags, IPv4 with options, TCP or UDP; one verdict a packet.
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "program.h"

enum { kDrop = 1, kPass = 2 };

struct vlan_tag {
  __be16 tci;
  __be16 next;
};

PROGRAM(packet_parse) {
  const struct ethhdr* eth = (const void*)data;
  if ((const __u8*)(eth + 1) > end) return kDrop;
  __u16 next = eth->h_proto;
  const __u8* at = (const __u8*)(eth + 1);
#pragma unroll
  for (int tags = 0; tags < 2; ++tags) {
    if (next != bpf_ntohs(ETH_P_8021Q) && next != bpf_ntohs(ETH_P_8021AD)) break;
    const struct vlan_tag* tag = (const void*)at;
    if ((const __u8*)(tag + 1) > end) return kDrop;
    next = tag->next;
    at = (const __u8*)(tag + 1);
  }
  if (next != bpf_ntohs(ETH_P_IP)) return kPass;
  const struct iphdr* ip = (const void*)at;
  if ((const __u8*)(ip + 1) > end) return kDrop;
  const __u32 header = ip->ihl * 4;
  if (header < sizeof(*ip) || (ip->frag_off & bpf_ntohs(0x1fff)) != 0) return kDrop;
  at += header;
  if (ip->protocol == IPPROTO_TCP) {
    const struct tcphdr* tcp = (const void*)at;
    if ((const __u8*)(tcp + 1) > end) return kDrop;
    if (tcp->syn && tcp->fin) return kDrop;
    if (bpf_ntohs(tcp->dest) != 443) return kDrop;
    return kPass + (bpf_ntohl(ip->saddr) >> 8) + tcp->window;
  }
  if (ip->protocol == IPPROTO_UDP) {
    const struct udphdr* udp = (const void*)at;
    if ((const __u8*)(udp + 1) > end) return kDrop;
    return udp->dest == bpf_ntohs(53) ? kPass : kDrop;
  }
  return kPass;
}
