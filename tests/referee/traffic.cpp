// Reads a capture by hand, as <pcap.h> and <linux/bpf.h> both define a struct bpf_insn.
#include "referee/traffic.hpp"

#include <cstring>
#include <fstream>

namespace skep::referee {
namespace {

constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kEthernetBytes = 14;  // also the least that Linux test-runs
constexpr std::size_t kLongest = 3000;

Frame part(const Frame& frame, std::size_t offset, std::size_t bytes) {
  const auto at = frame.begin() + static_cast<std::ptrdiff_t>(offset);
  return {at, at + static_cast<std::ptrdiff_t>(bytes)};
}

Frame port_key(const Frame& frame, std::size_t offset) {
  Frame key = part(frame, offset, 2);
  key.resize(4);
  return key;
}

void look_at_network(const Frame& frame, Seen& seen) {
  constexpr std::size_t kIpv4Bytes = 20, kIpv6Bytes = 40, kPortsBytes = 4;
  constexpr std::byte kEtherTypeIpv4Low{0x00}, kEtherTypeIpv6Low{0xdd};
  if (frame.size() < kEthernetBytes + kIpv6Bytes + kPortsBytes) return;
  const bool ipv4 = frame[12] == std::byte{0x08} && frame[13] == kEtherTypeIpv4Low;
  const bool ipv6 = frame[12] == std::byte{0x86} && frame[13] == kEtherTypeIpv6Low;
  if (ipv4) {
    seen.ipv4.push_back(part(frame, 26, 4));
    seen.ipv4.push_back(part(frame, 30, 4));
  }
  if (ipv6) {
    seen.ipv6.push_back(part(frame, 22, 16));
    seen.ipv6.push_back(part(frame, 38, 16));
  }
  const std::size_t transport = kEthernetBytes + (ipv4 ? kIpv4Bytes : kIpv6Bytes);
  if (ipv4 || ipv6) seen.ports.push_back(port_key(frame, transport + 2));
}

}  // namespace

std::vector<Frame> read_traffic(const std::string& path) {
  struct Record {
    std::uint32_t seconds, micros, captured, length;
  };
  std::vector<Frame> frames;
  std::ifstream file(path, std::ios::binary);
  file.ignore(kFileHeaderBytes);
  for (Record record{}; file.read(reinterpret_cast<char*>(&record), sizeof(record));) {
    Frame frame(record.captured);
    if (!file.read(reinterpret_cast<char*>(frame.data()), record.captured)) break;
    frames.push_back(std::move(frame));
  }
  const std::size_t whole = frames.size();
  for (std::size_t i = 0; i < whole; i += 13) {
    Frame cut = frames[i], padded = frames[i];
    cut.resize(std::max(kEthernetBytes, cut.size() - 1 - i % cut.size()));
    padded.resize(kLongest, std::byte{0x5a});
    frames.push_back(std::move(cut));
    frames.push_back(std::move(padded));
  }
  return frames;
}

Seen look_at(const std::vector<Frame>& frames) {
  Seen seen;
  for (std::size_t i = 0; i < frames.size(); i += 37) {
    const Frame& frame = frames[i];
    seen.macs.push_back(part(frame, i % 2 == 0 ? 0 : 6, 6));
    look_at_network(frame, seen);
  }
  return seen;
}

}  // namespace skep::referee
