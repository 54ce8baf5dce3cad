// Headers as their RFCs draw them: Ethernet II, 802.1Q, ARP (826), IPv4 (791), IPv6 (8200), TCP (9293), UDP (768), ICMP
// (792), ICMPv6 (4443), DNS (1035). Numbers are in network order throughout.
#include "frames.hpp"

namespace demo {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeArp = 0x0806;
constexpr std::uint16_t kTypeVlan = 0x8100;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;
constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;
constexpr std::uint8_t kHops = 64;

void put8(Bytes& out, unsigned value) { out.push_back(static_cast<std::uint8_t>(value)); }
void put16(Bytes& out, unsigned value) {
  put8(out, value >> 8);
  put8(out, value);
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
template <class Range>
void put(Bytes& out, const Range& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void set16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// The Internet checksum (RFC 1071) of all bytes.
unsigned checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/// Sets the checksum of a transport header, which also covers the addresses around it.
void seal(Bytes& transport, std::size_t at, const Path& path, std::uint8_t protocol) {
  Bytes covered;
  if (path.version == Version::ipv4) {
    put(covered, path.from.v4);
    put(covered, path.to.v4);
  } else {
    put(covered, path.from.v6);
    put(covered, path.to.v6);
  }
  put16(covered, protocol);
  put16(covered, static_cast<unsigned>(transport.size()));
  put(covered, transport);
  const unsigned sum = checksum(covered);
  set16(transport, at, protocol == kUdp && sum == 0 ? 0xffff : sum);
}

Bytes ethernet(const Mac& from, const Mac& to, std::uint16_t type, const Bytes& payload) {
  Bytes frame;
  put(frame, to);
  put(frame, from);
  put16(frame, type);
  put(frame, payload);
  if (frame.size() < 60) frame.resize(60);  // as a network card pads it
  return frame;
}

Bytes ip_frame(const Path& path, std::uint8_t protocol, const Bytes& transport) {
  Bytes packet;
  if (path.version == Version::ipv4) {
    put16(packet, 0x4500);
    put16(packet, static_cast<unsigned>(20 + transport.size()));
    put32(packet, 0x00004000);  // do not fragment
    put8(packet, kHops);
    put8(packet, protocol);
    put16(packet, 0);
    put(packet, path.from.v4);
    put(packet, path.to.v4);
    set16(packet, 10, checksum(packet));
  } else {
    put32(packet, 0x60000000);
    put16(packet, static_cast<unsigned>(transport.size()));
    put8(packet, protocol);
    put8(packet, kHops);
    put(packet, path.from.v6);
    put(packet, path.to.v6);
  }
  put(packet, transport);
  return ethernet(path.from.mac, path.to.mac, path.version == Version::ipv4 ? kTypeIpv4 : kTypeIpv6, packet);
}

}  // namespace

Bytes tcp_frame(const Path& path, const TcpSegment& segment, const Bytes& payload) {
  Bytes tcp;
  put16(tcp, segment.sport);
  put16(tcp, segment.dport);
  put32(tcp, segment.seq);
  put32(tcp, segment.ack);
  put8(tcp, 5 << 4);
  put8(tcp, segment.flags);
  put16(tcp, 64240);  // window
  put32(tcp, 0);      // checksum, urgent pointer
  put(tcp, payload);
  seal(tcp, 16, path, kTcp);
  return ip_frame(path, kTcp, tcp);
}

Bytes udp_frame(const Path& path, std::uint16_t sport, std::uint16_t dport, const Bytes& payload) {
  Bytes udp;
  put16(udp, sport);
  put16(udp, dport);
  put16(udp, static_cast<unsigned>(8 + payload.size()));
  put16(udp, 0);
  put(udp, payload);
  seal(udp, 6, path, kUdp);
  return ip_frame(path, kUdp, udp);
}

Bytes ping_frame(const Path& path, bool reply, std::uint16_t id, std::uint16_t sequence) {
  const bool v4 = path.version == Version::ipv4;
  Bytes icmp;
  put8(icmp, v4 ? (reply ? 0 : 8) : (reply ? 129 : 128));
  put8(icmp, 0);
  put16(icmp, 0);
  put16(icmp, id);
  put16(icmp, sequence);
  for (unsigned i = 0; i < 56; ++i) put8(icmp, i);
  if (v4)
    set16(icmp, 2, checksum(icmp));
  else
    seal(icmp, 2, path, kIcmpv6);
  return ip_frame(path, v4 ? kIcmp : kIcmpv6, icmp);
}

Bytes arp_frame(const Path& path, bool reply) {
  static constexpr Mac kNobody{};
  static constexpr Mac kEverybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Bytes arp;
  put16(arp, 1);  // Ethernet
  put16(arp, kTypeIpv4);
  put8(arp, 6);
  put8(arp, 4);
  put16(arp, reply ? 2 : 1);
  put(arp, path.from.mac);
  put(arp, path.from.v4);
  put(arp, reply ? path.to.mac : kNobody);
  put(arp, path.to.v4);
  return ethernet(path.from.mac, reply ? path.to.mac : kEverybody, kTypeArp, arp);
}

Bytes in_vlan(const Bytes& frame, std::uint16_t id) {
  Bytes tagged(frame.begin(), frame.begin() + 12);
  put16(tagged, kTypeVlan);
  put16(tagged, id);
  tagged.insert(tagged.end(), frame.begin() + 12, frame.end());
  return tagged;
}

Bytes dns_message(std::uint16_t id, std::string_view name, const Ipv4* address) {
  Bytes message;
  put16(message, id);
  put16(message, address ? 0x8180 : 0x0100);
  put16(message, 1);
  put16(message, address ? 1 : 0);
  put32(message, 0);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    put8(message, static_cast<unsigned>(label.size()));
    put(message, label);
    name.remove_prefix(label.size() < name.size() ? label.size() + 1 : name.size());
  }
  put8(message, 0);
  put32(message, 0x00010001);  // A, IN
  if (address) {
    put16(message, 0xc00c);  // the name above
    put32(message, 0x00010001);
    put32(message, 300);
    put16(message, 4);
    put(message, *address);
  }
  return message;
}

Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

}  // namespace demo
