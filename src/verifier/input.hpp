// What the verifier is asked, and what it answers: plain data in, plain data out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <skep/map.hpp>

#include "abi/sets.hpp"
#include "program/program.hpp"
#include "verifier/diagnose/finding.hpp"

namespace skep::btf {
class Btf;
}

namespace skep::verifier {

class Observer;
class Facts;

/// What the loading process may do; Linux' capabilities, as far as the verifier asks.
struct Privileges {
  bool bpf = true;        ///< CAP_BPF: loops, subprograms, variable stack access …
  bool perfmon = true;    ///< CAP_PERFMON: pointers may become numbers, uninitialised stack may be read
  bool net_admin = true;  ///< CAP_NET_ADMIN
};

/// Whether these suffice for what asks for a privilege.
[[nodiscard]] constexpr bool holds(const Privileges& privileges, abi::Privilege needed) noexcept {
  switch (needed) {
    case abi::Privilege::none:
      return true;
    case abi::Privilege::bpf:
      return privileges.bpf;
    case abi::Privilege::perfmon:
      return privileges.perfmon;
  }
  return false;
}

/// Linux' limits (include/linux/bpf_verifier.h, 6.18).
struct Limits {
  std::uint32_t insns = 1'000'000;  ///< instructions processed on all paths
  std::uint32_t branches = 8192;    ///< paths waiting
  std::size_t bytes = 40 << 20;     ///< held for states; explored ones are forgotten long before
};

struct Options {
  Privileges privileges;
  Limits limits;
  bool strict_alignment = false;  ///< BPF_F_STRICT_ALIGNMENT
  bool facts = false;             ///< collect what lower/ can use
  bool check_often = false;       ///< BPF_F_TEST_STATE_FREQ: keep a state at every place where paths meet
  /// How many findings to look for. The path that leads to one ends there, others go on; the first is always the one
  /// that Linux would report.
  std::uint32_t max_findings = 1;
  std::uint32_t insns_after_finding = 100'000;  ///< instructions processed in search of further ones
};

/// A map as the verifier sees it: what it is, not the live one.
struct MapInfo {
  const MapSpec* spec = nullptr;
  /// The value of a map with one value that neither the program nor the application can change any more; else empty.
  std::span<const std::byte> frozen;
};

/// All views outlive the call.
struct Input {
  const program::Program* program = nullptr;
  std::span<const MapInfo> maps;           ///< the table that `lddw` references index
  const btf::Btf* object_types = nullptr;  ///< the object's own BTF; null when it has none
  const btf::Btf* kernel_types = nullptr;  ///< the target kernel's; null when there is none
  Options options;
  Observer* observer = nullptr;  ///< is told of each step, see observer.hpp; null: nobody
};

struct Stats {
  std::uint32_t processed = 0;     ///< instructions walked over all paths
  std::uint32_t jumps = 0;         ///< of these, jumps, calls and exits
  std::uint32_t total_states = 0;  ///< explored states ever kept
  std::uint32_t peak_states = 0;
  std::uint32_t most_states_at_insn = 0;  ///< compared with at one instruction
  std::uint32_t longest_queue = 0;  ///< most paths waiting at once
  std::uint32_t stack_bytes = 0;    ///< deepest stack of any call chain
  std::uint64_t peak_bytes = 0;     ///< most memory held at once for states, waiting paths and what links them
};

/// An empty `findings` accepts the program. None names the same code and instruction as one before.
struct Report {
  std::vector<Finding> findings;
  std::string malformed;  ///< what Code::malformed is about
  Stats stats;
  std::shared_ptr<const Facts> facts;  ///< of an accepted program, when Options::facts asked for them

  [[nodiscard]] bool accepted() const noexcept { return findings.empty(); }
};

/// Judges a program as Linux would. Deterministic; any number of threads may call it.
[[nodiscard]] Report verify(const Input& input);

}  // namespace skep::verifier
