// Running the built command as a user does: arguments and input in, both outputs and the exit code back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skep::command {

struct Outcome {
  int code = -1;  ///< exit code; 128 + n when signal n ended the command
  std::string out;
  std::string err;
};

/// Runs build/skep. `input` is its standard input.
[[nodiscard]] Outcome skep(const std::vector<std::string>& arguments, std::string_view input = "");

/// A test object compiled with the build, NAME.bpf.o; says "SKIP: …" and gives nothing when clang-19 was not there.
[[nodiscard]] std::optional<std::string> object(const std::string& name);

/// A file of the test's own, in a folder that goes away at exit.
std::string write_file(const std::string& name, std::string_view bytes);
[[nodiscard]] std::string scratch_path(const std::string& name);
[[nodiscard]] std::string read_file(const std::string& path);

/// A capture as it lies in a file, written and read without libpcap.
struct Packet {
  std::uint32_t seconds = 0;
  std::uint32_t micros = 0;
  std::string bytes;
  friend bool operator==(const Packet&, const Packet&) = default;
};
[[nodiscard]] std::string pcap_bytes(const std::vector<Packet>& packets);
[[nodiscard]] std::vector<Packet> pcap_packets(std::string_view file);

}  // namespace skep::command
