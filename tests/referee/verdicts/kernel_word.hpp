// A kernel's word on programs, out of kernel_witness' reports: its verdict, and what a test run returned. The kernel is
// the running one, or Debian's 6.12 in qemu.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "referee/reports.hpp"

namespace skep::referee {

struct KernelWord {
  enum class Verdict : std::uint8_t { accepted, refused, unjudged } verdict = Verdict::unjudged;
  std::uint32_t processed = 0;          ///< instructions
  std::optional<std::uint32_t> result;  ///< of the suite's test run
  std::string message;                  ///< why not
};

/// By name of the program.
using KernelWords = std::map<std::string, KernelWord, std::less<>>;

class KernelWitness {
 public:
  /// The running kernel. Nothing, and a visible SKIP, where there is no witness or bpf(2) is refused.
  [[nodiscard]] static std::optional<KernelWitness> open();
  /// Debian's 6.12. Nothing, and a visible SKIP, where there is no qemu or no guest for it.
  [[nodiscard]] static std::optional<KernelWitness> open_guest();

  /// Asks for what has no report yet. Seconds for most objects, a minute for some; the guest wants all of them at once
  /// and then takes minutes.
  void ask(const std::vector<objects::Found>& found) const;
  /// What was said; empty for an object that libbpf does not open.
  [[nodiscard]] KernelWords about(const objects::Found& found) const;

 private:
  KernelWitness(std::string command, Reports reports, bool at_once)
      : command_(std::move(command)), reports_(std::move(reports)), at_once_(at_once) {}

  std::string command_;
  Reports reports_;
  bool at_once_;
};

}  // namespace skep::referee
