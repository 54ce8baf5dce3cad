// skep's verdicts beside a kernel's: object by object, with that kernel's types and configuration.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "referee/verdicts/kernel_word.hpp"
#include "referee/verdicts/matrix.hpp"
#include "referee/verdicts/suite.hpp"

namespace skep::referee {

/// Objects of one kind.
struct Source {
  std::string name;
  std::vector<objects::Found> found;
};

/// What Debian ships, and the selftests out of the cache; a visible SKIP for what is not there. SKEP_REFEREE_ONLY, part
/// of a name, leaves the other objects out.
[[nodiscard]] std::vector<Source> sources(const std::filesystem::path& cache);

/// The kernel that is compared with.
struct Kernel {
  const KernelWitness* witness = nullptr;
  std::shared_ptr<const btf::Btf> types;
  /// Opens an object as for this kernel; nothing when skep does not.
  std::function<std::optional<loader::ObjectSpec>(const objects::Found&)> open;
  /// The matrix that a program counts in, by its title: "kernel, selftests".
  std::function<std::string(const Source&, const program::Program&)> title;
};

class KernelJudge {
 public:
  /// A line for every program goes into `table`. Both arguments have to outlive the judge.
  KernelJudge(const Kernel& kernel, std::ostream& table) : kernel_(kernel), table_(table) {}

  /// Compares everything that the kernel judged.
  void judge(const Source& source);
  /// Prints the matrices, how the numbers of instructions compare, and what was not judged. Checks them: 99 % the same,
  /// nothing too lax, every difference listed, nothing listed that was not seen.
  void finish() const;

 private:
  void judge(const Source& source, const objects::Found& found);
  void judge(const Source& source, const SuiteObject& object, const program::Program& program, const KernelWord& word);

  /// Programs that both accept, by the number of instructions that skep processes.
  struct Processed {
    std::size_t as_many = 0, fewer = 0, more = 0;
  };

  const Kernel& kernel_;
  std::ostream& table_;
  std::map<std::string, Matrix> matrices_;
  std::map<std::string, Processed> processed_;
  std::map<std::string, std::size_t> unjudged_;
};

}  // namespace skep::referee
