// Where programs are judged and, when accepted, run: the verifier, a table of maps, contexts whose regions are known.
//
// A program that the verifier accepts must not fault in the guarded engine, whatever the input, and must end, and each
// register and slot it uses must on its way hold what the verifier said there (oracle.hpp). Where it
// is accepted without CAP_PERFMON it cannot tell addresses or what memory held before, so that its result without
// guards has to be the same. Faults name the instruction; the guards know real regions only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <skep/executable.hpp>

#include "lower/settle.hpp"
#include "maps/map_storage.hpp"
#include "soundness/inputs.hpp"
#include "verifier/input.hpp"

namespace skep::soundness {

class History;

// The table of maps. The first six are those of Linux' raw test suite.
inline constexpr std::int32_t kArrayMap = 0, kSmallHashMap = 1, kHashMap = 2, kByteMap = 3, kEventsMap = 4,
                              kRingMap = 5, kThreeMap = 6;
inline constexpr int kArrayValue = 48;

/// What a trial came to.
enum class Outcome {
  refused,
  unsupported,  ///< refused, but for want of the verifier
  not_run,      ///< accepted, but the engine lacks a helper, or Ground the context
  clean,
  violated,
};

struct Tally {
  std::uint64_t refused = 0, unsupported = 0, not_run = 0, clean = 0, violated = 0;
  std::uint64_t compared = 0;      ///< of these, those whose results with and without guards have to be the same
  std::uint64_t followed = 0;      ///< of these, those whose runs were held against what the verifier explored
  std::uint64_t instructions = 0;  ///< over which runs were

  [[nodiscard]] std::uint64_t accepted() const { return not_run + clean + violated; }
  [[nodiscard]] std::uint64_t all() const { return refused + unsupported + accepted(); }
  /// "50000 programs: 24000 accepted (…), …".
  [[nodiscard]] std::string text() const;
};

class Ground {
 public:
  Ground();
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  /// Judges it and no more; not in the tally.
  [[nodiscard]] bool accepts(ProgType type, std::span<const Insn> insns) const;
  /// Judges the program; runs an accepted one on `inputs` inputs made from `seed`. With an even seed the verifier keeps
  /// states wherever paths meet: more chances to take one path for another.
  Outcome try_program(ProgType type, std::span<const Insn> insns, std::uint64_t seed, unsigned inputs = 4);

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// What the last violation was: the fault, and the program as text.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  [[nodiscard]] verifier::Report judge(const program::Program& program, bool perfmon, bool often,
                                       verifier::Observer* observer = nullptr) const;
  Outcome run(const Program& program, std::uint64_t seed, unsigned inputs);
  RunResult run_once(const Executable& executable, std::uint64_t seed);
  /// Runs the program in the checked machine; what it did that the verifier had not foreseen or that its facts say
  /// cannot be, or what the settled program (when there is one) would do otherwise.
  std::string follow(const History& history, const verifier::Facts& facts, const lower::SettledProgram* settled,
                     const Program& program, std::uint64_t seed);

  Inputs inputs_;
  std::vector<Map> maps_;
  std::vector<verifier::MapInfo> infos_;
  std::vector<maps::MapStorage*> storages_;
  std::vector<std::shared_ptr<maps::MapStorage>> shared_storages_;
  Tally tally_;
  std::string complaint_;
};

}  // namespace skep::soundness
