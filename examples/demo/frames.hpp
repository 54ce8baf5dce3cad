// Ethernet frames, built from the inside out: each function puts one header, with its lengths and checksums, in front
// of the bytes it is given. Values only; the checksums are right, so that other tools read the frames without
// complaint.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace demo {

using Bytes = std::vector<std::uint8_t>;
using Mac = std::array<std::uint8_t, 6>;
using Ipv4 = std::array<std::uint8_t, 4>;
using Ipv6 = std::array<std::uint8_t, 16>;

/// A host with an address of each kind.
struct Station {
  Mac mac{};
  Ipv4 v4{};
  Ipv6 v6{};
};

enum class Version { ipv4, ipv6 };

/// Who talks to whom, and over which IP.
struct Path {
  Station from;
  Station to;
  Version version = Version::ipv4;

  [[nodiscard]] Path back() const { return {to, from, version}; }
};

struct TcpSegment {
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
};
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

[[nodiscard]] Bytes tcp_frame(const Path& path, const TcpSegment& segment, const Bytes& payload = {});
[[nodiscard]] Bytes udp_frame(const Path& path, std::uint16_t sport, std::uint16_t dport, const Bytes& payload);
/// An echo request or reply, ICMP or ICMPv6.
[[nodiscard]] Bytes ping_frame(const Path& path, bool reply, std::uint16_t id, std::uint16_t sequence);
/// "Who has `to`?" as a broadcast, or the answer to it.
[[nodiscard]] Bytes arp_frame(const Path& path, bool reply);

/// The same frame inside VLAN `id`.
[[nodiscard]] Bytes in_vlan(const Bytes& frame, std::uint16_t id);

/// A DNS question for the A record of `name`; as an answer it carries `address` too.
[[nodiscard]] Bytes dns_message(std::uint16_t id, std::string_view name, const Ipv4* address);

[[nodiscard]] Bytes text(std::string_view characters);

}  // namespace demo
