// The verifier: would Linux load this program, and if not, why not.
//
// verify() judges by the rules of Linux 6.12 to 6.18. It is deterministic, runs nothing, touches no live map but to
// read frozen ones, and may be called from any number of threads. What it does not judge yet (kernel functions,
// dynptrs, timers, locks, kptrs, arenas, programs with BTF-typed arguments) is refused as such: Problem::unsupported.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <skep/error.hpp>
#include <skep/object.hpp>

namespace skep {

namespace verifier {
class Facts;
}

struct VerifyOptions {
  bool bpf = true;      ///< the loader has CAP_BPF: loops, subprograms, variable stack accesses
  bool perfmon = true;  ///< the loader has CAP_PERFMON: pointers may become numbers, uninitialised stack may be read
  bool strict_alignment = false;            ///< BPF_F_STRICT_ALIGNMENT
  std::uint32_t max_processed = 1'000'000;  ///< instructions over all paths; Linux' limit
};

/// One step on the way to a problem.
struct ProblemStep {
  std::uint32_t pc = 0;
  std::string source;  ///< "file.c:12: text"; the instruction where that is not known
  std::string note;    ///< what mattered: "r2 = packet, no byte proven readable"
};

/// One reason to refuse a program.
struct Problem {
  std::string code;          ///< stable: "packet_out_of_bounds"
  std::uint32_t pc = 0;      ///< instruction slot
  std::string message;       ///< one line: what was seen, what is needed
  std::string source;        ///< "file.c:12: text"; empty when unknown
  std::string suggestion;    ///< what to do about it; empty where there is no common answer
  bool unsupported = false;  ///< no rule is broken that skep knows of: it does not judge such programs yet
  /// The steps that matter, up to the instruction itself; only explain() looks for them.
  std::vector<ProblemStep> path;
};

/// What the verdict took, in the numbers that Linux prints.
struct VerifyStats {
  std::uint32_t processed = 0;     ///< instructions walked, over all paths; Linux refuses more than 1,000,000
  std::uint32_t total_states = 0;  ///< states kept to compare with
  std::uint32_t peak_states = 0;
  std::uint32_t longest_queue = 0;  ///< most paths waiting at once; Linux refuses more than 8,192
  std::uint32_t stack_bytes = 0;    ///< of the deepest chain of calls; Linux refuses more than 512
  std::uint64_t peak_bytes = 0;     ///< most memory held at once for states
};

class Verdict;

/// A program with the proof that it may run unchecked. Only verify() makes one. A cheap handle to immutable data.
class VerifiedProgram {
 public:
  [[nodiscard]] const Program& program() const noexcept { return program_; }

 private:
  friend class Executable;
  friend class Verdict;
  friend Verdict verify(const Program& program, const VerifyOptions& options);
  VerifiedProgram(Program program, std::shared_ptr<const verifier::Facts> facts, const VerifyOptions& options)
      : program_(std::move(program)), facts_(std::move(facts)), options_(options) {}

  Program program_;
  std::shared_ptr<const verifier::Facts> facts_;
  VerifyOptions options_;
};

class Verdict {
 public:
  /// True when Linux would load the program, as far as the verifier knows.
  [[nodiscard]] bool ok() const noexcept { return problems_.empty(); }
  [[nodiscard]] std::span<const Problem> problems() const noexcept { return problems_; }
  [[nodiscard]] const VerifyStats& stats() const noexcept { return stats_; }
  [[nodiscard]] const Program& program() const noexcept { return proof_.program(); }
  /// What Executable::build() makes into something that runs without checks. Error `refused`, with the first problem,
  /// when the program was refused.
  [[nodiscard]] Result<VerifiedProgram> verified() const;
  /// What skep::explain() has to say, as lines of text: each problem with the way that leads to it and what to do.
  /// Empty for an accepted program. Verifies again.
  [[nodiscard]] std::string explain() const;

 private:
  friend Verdict verify(const Program& program, const VerifyOptions& options);
  Verdict(std::vector<Problem> problems, const VerifyStats& stats, VerifiedProgram proof)
      : problems_(std::move(problems)), stats_(stats), proof_(std::move(proof)) {}

  std::vector<Problem> problems_;
  VerifyStats stats_;
  VerifiedProgram proof_;  ///< without facts when the program was refused
};

/// Judges one program of an object, or one made of raw instructions.
[[nodiscard]] Verdict verify(const Program& program, const VerifyOptions& options = {});

/// All there is to say of a refused program: up to `max_problems` problems, each on a path or in a function of its own,
/// the first being verify()'s, with the paths that lead there. Nothing for an accepted one. Takes as long as two or
/// three verifications, and memory for the longest path (12 bytes a step).
[[nodiscard]] std::vector<Problem> explain(const Program& program, const VerifyOptions& options = {},
                                           std::uint32_t max_problems = 8);
/// Problems as lines of text.
[[nodiscard]] std::string explain_text(std::span<const Problem> problems);

/// Verifies again and writes the log that Linux' verifier would write, piece by piece, in the format of 6.18: at level
/// 1 the path to the refusal, at level 2 every step of every path, which may be long. The words of messages are skep's.
void write_verifier_log(const Program& program, const VerifyOptions& options, unsigned level,
                        const std::function<void(std::string_view)>& sink);

/// What verification did at one instruction.
struct InsnProfile {
  std::uint32_t pc = 0;
  std::uint64_t processed = 0;  ///< how often it was walked over
  std::uint64_t covered = 0;    ///< how often a path ended here because one before had shown as much
  std::uint64_t missed = 0;     ///< how often a path came here again and had to go on
  std::string why;              ///< where it missed: what most often differed, "r6: 3, before 2"
};
/// Verifies again and counts. One entry an instruction that was reached, by pc.
[[nodiscard]] std::vector<InsnProfile> profile_verification(const Program& program, const VerifyOptions& options = {});

}  // namespace skep
