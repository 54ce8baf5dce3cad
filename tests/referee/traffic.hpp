// What the referee sends through programs, and which of it their maps are told about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace skep::referee {

using Frame = std::vector<std::byte>;

/// The frames of a classic little-endian capture file, and after them shorter and longer ones made of these; empty when
/// the file cannot be read.
[[nodiscard]] std::vector<Frame> read_traffic(const std::string& path);

/// Addresses and ports out of some of the frames, in network byte order.
struct Seen {
  std::vector<Frame> macs;   ///< 6 bytes
  std::vector<Frame> ipv4;   ///< 4 bytes
  std::vector<Frame> ipv6;   ///< 16 bytes
  std::vector<Frame> ports;  ///< 4 bytes, the port in the first two
};
[[nodiscard]] Seen look_at(const std::vector<Frame>& frames);

}  // namespace skep::referee
